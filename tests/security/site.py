"""A real server with everybody in it that a route can be called by, and everything that they can name."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import httpx2
import jwt
from pydantic import SecretStr

from bench.fake_model import FakeModel, Script
from parlor.accounts import AuthSettings
from parlor.accounts.tokens import AccessTokens
from parlor.core.crypto import SecretKey, load_secret_key
from parlor.core.ids import new_id
from parlor.core.settings import RootSettings
from parlor.llm.stateless.findings import KINDS
from parlor.llm.stateless.rules import findings_by_rules
from parlor.testing import ManualClock
from tests.support.chat import PASSWORD, Person, client_of
from tests.support.mail import link_in, parsed
from tests.support.server import QUICK, ParlorServer, parlor_server

PROBLEM = "application/problem+json"
JSON = {"Content-Type": "application/json"}
ANALYSIS = json.dumps(findings_by_rules("A quiet place.", KINDS))

Principal = Literal["anonymous", "other", "suspended", "expired", "refresh", "demoted_before", "demoted", "administrator", "owner"]
"""`demoted_before` holds the token from when it was an administrator. `refresh` sends a refresh token, `expired` an access token of yesterday."""


@dataclass
class Member:
    """Somebody with an account, and the tokens of one sign-in."""

    person: Person
    email: str
    access_token: str
    refresh_token: str

    @property
    def id(self) -> str:
        return self.person.id

    @property
    def client(self) -> httpx2.AsyncClient:
        return self.person.client


@dataclass(frozen=True)
class Scene:
    """What a member owns: a session with one question and its answer."""

    owner: Member
    session_id: str
    turn_id: str
    question_id: str
    answer_id: str
    voucher_id: str
    """An administrator's, that anybody may use."""
    api_key_id: str
    customization_id: str

    @property
    def ids(self) -> Mapping[str, str]:
        """By the name of the path parameter or body field that takes it."""
        return {
            "session_id": self.session_id,
            "turn_id": self.turn_id,
            "message_id": self.answer_id,
            "parent_id": self.answer_id,
            "branch": self.answer_id,
            "user_id": self.owner.id,
            "voucher_id": self.voucher_id,
            "api_key_id": self.api_key_id,
            "customization_id": self.customization_id,
            "sign_in_id": claims_of(self.owner.access_token)["sid"],
        }

    async def seen(self) -> list[Any]:
        """All that its owner can see of it, to compare."""
        paths = [
            *(f"/sessions/{self.session_id}", f"/sessions/{self.session_id}/messages", f"/turns/{self.turn_id}"),
            *("/wallet", "/wallet/entries", "/auth/me", "/sessions", "/prompts/customizations", "/agents/assistant/effective-prompt"),
        ]
        return [(await self.owner.client.get(path)).json() for path in paths]


@dataclass
class Site:
    server: ParlorServer
    fake: FakeModel
    database_url: str
    engine: str
    stack: AsyncExitStack
    admin: Member = field(init=False)
    _people: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.server.base_url

    def client(self, token: str = "") -> httpx2.AsyncClient:
        """Closed with the site. Its paths begin below /api/v1 unless they are whole addresses."""
        client = client_of(self.url, token)
        self.stack.push_async_callback(client.aclose)
        return client

    @contextmanager
    def analysing(self) -> Generator[None]:
        """Within, the provider finds something in every text: an analysis by one that does not is a 502, as it should be, and no fault of ours."""
        self.fake.script("fake", Script(texts=(ANALYSIS,)))
        try:
            yield
        finally:
            self.fake.script("fake", Script())

    def member(self, account: Mapping[str, Any]) -> Member:
        token = account["access_token"]
        return Member(Person(self.client(token), dict(account)), account["user"]["email"], token, account["refresh_token"])

    async def sign_up(self, **more: Any) -> Member:
        body = {"email": f"{new_id()}@example.com", "password": PASSWORD, **more}
        return self.member(_read(await self.admin_or_nobody.post("/auth/register", json=body), 201))

    @property
    def admin_or_nobody(self) -> httpx2.AsyncClient:
        if "nobody" not in self._people:
            self._people["nobody"] = self.client()
        return self._people["nobody"]

    async def sign_in(self, email: str) -> Member:
        return self.member(_read(await self.admin_or_nobody.post("/auth/login", json={"login": email, "password": PASSWORD})))

    async def mailed_token(self, member: Member, page: str = "verify-email") -> str:
        """Of the newest link to that page which was mailed to them."""
        folder = self.server.folder / "data" / "mail"
        async with asyncio.timeout(20):
            while True:
                # Only theirs: the folder has the mails of everybody who ever signed up, which take a second to read.
                links = [link_in(parsed(path.read_bytes())) for path in sorted(folder.glob(f"*Z-{member.id}-*.eml"))]
                if found := [link for link in links if f"/{page}#" in link]:
                    return found[-1].partition("#")[2]
                await asyncio.sleep(0.02)  # the server is another process: its files are all that can be seen of its jobs

    async def scene(self, owner: Member | None = None) -> Scene:
        owner = owner or await self.sign_up()
        session_id = await owner.person.new_session(title="A quiet place")
        turn, answer = await owner.person.ask(session_id, "What is the weather like?")
        voucher = _read(await self.admin.client.post("/vouchers", json={"amount_micros": 5}), 201)
        key = await self.api_key(owner)
        layer = {"agent_name": "assistant", "mode": "append", "content": "Talk of gardens."}
        customization = _read(await owner.client.post("/prompts/customizations", json=layer), 201)
        return Scene(owner, session_id, turn["id"], answer["parent_id"], answer["id"], voucher["id"], key["id"], customization["id"])

    async def api_key(self, owner: Member, *scopes: str, **more: Any) -> dict[str, Any]:
        """A new one, with `key` and `id`."""
        body = {"name": "nightly report", **({"scopes": scopes} if scopes else {}), **more}
        return _read(await owner.client.post("/api-keys", json=body), 201)

    async def admin_key(self, scope: str) -> str:
        """The administrator's with that scope; one each, because there is room for a hundred."""
        name = f"admin key: {scope}"
        if name not in self._people:
            self._people[name] = (await self.api_key(self.admin, scope))["key"]
        return self._people[name]

    async def dead_keys(self) -> Mapping[str, str]:
        """Keys that were good once: "revoked", "expired", "suspended" (its account is) and "demoted", an administrator's of before."""
        if "dead keys" not in self._people:
            self._people["dead keys"] = await self._make_dead_keys()
        return self._people["dead keys"]

    async def _make_dead_keys(self) -> Mapping[str, str]:
        member, suspended, demoted = [await self.sign_up() for _ in range(3)]
        await self.change_user(demoted.id, role="admin")
        administrator = await self.sign_in(demoted.email)
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        keys = {
            "revoked": await self.api_key(member),
            "expired": await self.api_key(member, expires_at=soon),
            "suspended": await self.api_key(suspended),
            "demoted": await self.api_key(administrator, "admin"),
        }
        assert (await member.client.delete(f"/api-keys/{keys['revoked']['id']}")).status_code == 204
        await self.change_user(suspended.id, status="suspended")
        await self.change_user(demoted.id, role="user")
        async with asyncio.timeout(30):
            while (await self.client(keys["expired"]["key"]).get("/models")).status_code != 401:  # noqa: ASYNC110  # see below
                await asyncio.sleep(0.1)  # the clock of the server's machine: there is nothing else to wait for
        return {name: key["key"] for name, key in keys.items()}

    async def change_user(self, user_id: str, **changes: Any) -> None:
        _read(await self.admin.client.patch(f"/users/{user_id}", json=changes))

    async def tokens(self, *, anew: bool = False) -> Mapping[Principal, str]:
        """The credential of everybody but the owner. The same people each time, unless `anew`."""
        if anew or "tokens" not in self._people:
            self._people["tokens"] = await self._make_tokens()
        tokens = self._people["tokens"]
        if anew:
            del self._people["tokens"]
        return tokens

    async def _make_tokens(self) -> Mapping[Principal, str]:
        other, suspended, administrator, demoted = [await self.sign_up() for _ in range(4)]
        await self.change_user(suspended.id, status="suspended")
        for each in (administrator, demoted):
            await self.change_user(each.id, role="admin")
        demoted_before = await self.sign_in(demoted.email)
        await self.change_user(demoted.id, role="user")
        return {
            "anonymous": "",
            "other": other.access_token,
            "suspended": suspended.access_token,
            "expired": self.signed(other, age=timedelta(days=1)),
            "refresh": other.refresh_token,
            "demoted_before": demoted_before.access_token,
            "demoted": (await self.sign_in(demoted.email)).access_token,
            "administrator": (await self.sign_in(administrator.email)).access_token,
        }

    def signed(self, member: Member, *, age: timedelta = timedelta()) -> str:
        """An access token as this server issued it to that sign-in `age` ago."""
        claims = claims_of(member.access_token)
        tokens = AccessTokens(AuthSettings(), secret_key(), ManualClock(datetime.now(UTC) - age))
        return tokens.issue(UUID(claims["sub"]), UUID(claims["sid"]), claims["tv"])

    async def openapi(self) -> dict[str, Any]:
        if "openapi" not in self._people:
            self._people["openapi"] = _read(await self.admin_or_nobody.get(f"{self.url}/openapi.json"))
        return self._people["openapi"]

    async def still_there(self) -> None:
        """The process that was started, and it answers."""
        assert self.server.process.returncode is None, self.server.log
        assert await self.server.is_healthy()

    async def send_raw(self, request: bytes, *, seconds: float = 30) -> bytes:
        """Exactly these bytes on a connection of their own; all that comes back until it ends, which must be within that time."""
        host, port = self.url.removeprefix("http://").split(":")
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(request)
                await writer.drain()
                return await reader.read()
            except ConnectionResetError:
                return b""
            finally:
                writer.close()


def secret_key() -> SecretKey:
    return load_secret_key(SecretStr(QUICK["PARLOR_AUTH__SECRET_KEY"]), RootSettings())


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def _read(response: httpx2.Response, status: int = 200) -> Any:
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    return response.json()


def _document_of(response: httpx2.Response) -> dict[str, Any]:
    body = response.json()
    assert response.headers["content-type"] == PROBLEM, body
    assert body["status"] == response.status_code, body
    assert body["request_id"] == response.headers["x-request-id"], body
    assert all(body[name] for name in ("type", "title", "detail", "code")), body
    return body


def _envelope_of(response: httpx2.Response) -> dict[str, Any]:
    """What clients of OpenAI's API read, with the status beside it."""
    assert response.headers["content-type"] == "application/json", response.text
    error = response.json()["error"]
    assert all(error[name] for name in ("message", "type", "code")), error
    return {**error, "status": response.status_code}


def problem_of(response: httpx2.Response, status: int | None = None, code: str | None = None) -> dict[str, Any]:
    """The problem document of a refusal: in the right shape, with nothing of our insides in it."""
    what = f"{response.request.method} {response.request.url} -> {response.status_code}: {response.text[:300]}"
    assert 400 <= response.status_code < 500, what
    assert status is None or response.status_code == status, what
    body = _envelope_of(response) if response.request.url.path.startswith("/v1/") else _document_of(response)
    assert code is None or body["code"] == code, what
    assert not re.search(r"Traceback|\.py\b|sqlite3|asyncpg|SELECT |INSERT ", response.text), what
    return body


def comparable(response: httpx2.Response, *ids: str) -> tuple[int, str, Any]:
    """An answer without what may differ: its request id, and the ids that were asked for."""
    text = response.text
    for each in ids:
        text = text.replace(each, "<id>")
    body = json.loads(text) if text else None
    if isinstance(body, dict):
        body.pop("request_id", None)
    return response.status_code, response.headers.get("content-type", ""), body


_COUNTED = ("SIGN_UPS_PER_ADDRESS_PER_MINUTE", "LOGINS_PER_ADDRESS_PER_MINUTE", "RESET_MAILS_PER_ADDRESS_PER_HOUR")
_CROWD = {f"PARLOR_LIMITS__{name}": "0" for name in _COUNTED}
"""Everybody whom the tests need signs up from this machine."""


@asynccontextmanager
async def open_site(folder: Path, engine: str, database_url: str, **settings: str) -> AsyncGenerator[Site]:
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(FakeModel())
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"weather": {"url": "https://weather.example.com/mcp", "disabled": True}}}))
        server = await stack.enter_async_context(parlor_server(folder, database_url, fake.base_url, **_CROWD, **settings))
        site = Site(server, fake, database_url, engine, stack)
        _, said = await server.run("users", "setup-link")
        token = re.search(r"/setup#(\S+)", said)
        assert token, said
        body = {"token": token[1], "email": "root@example.com", "password": PASSWORD}
        site.admin = site.member(_read(await site.admin_or_nobody.post("/auth/setup", json=body), 201))
        yield site
