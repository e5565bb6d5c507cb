"""SEC-36, SEC-47: secrets are planted everywhere, everything that can fail fails, and nothing that anybody can read has one in it."""

import asyncio
import json
import re
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.crypto import random_text
from tests.conftest import ENGINES
from tests.security.site import Member, Site, open_site
from tests.support.chat import PASSWORD
from tests.support.postgres import PostgresServer

KEY = f"zq{random_text(20)}"
"""Of the provider: without a shape that a pattern could know."""
SHAPED_KEY = f"sk-{random_text(24)}"
SIGNING = random_text(32)
HEALTH = random_text(24)
DATABASE = random_text(16)
COMPOSIO = f"zc{random_text(20)}"
TOOL_SERVER = f"zm{random_text(20)}"
CHILD = f"ze{random_text(20)}"
ADDED = f"za{random_text(20)}"
"""Of tools: the key of Composio, a header and a variable in mcp.json, and a header that is sent over the API."""
MISTYPED = f"wrong {random_text(16)}"
NEW_PASSWORD = f"new {random_text(16)}"
MESSAGE = "Zwetschgenkuchen"
"""Not secret, and still no matter for a log."""


class Ears:
    """Keeps every answer that comes, whoever it goes to."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.heard: list[str] = []
        self.client = site.client()

    async def ask(self, method: str, path: str, token: str = "", **more: Any) -> httpx2.Response:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        answer = await self.client.request(method, path, headers=headers, **more)
        self.heard.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.headers!r} {answer.text}")
        return answer


def _tool_servers(folder: Path) -> Path:
    """One that nobody answers at, and a program that is no server: it says back what it is told."""
    file = folder / "tool-servers.json"
    shut = {"url": "http://127.0.0.1:1/mcp", "headers": {"Authorization": f"Bearer {TOOL_SERVER}"}}
    file.write_text(json.dumps({"mcpServers": {"shut": shut, "parrot": {"command": "cat", "env": {"PARROT_KEY": CHILD}, "timeout": 1000}}}))
    return file


@pytest.fixture(params=ENGINES)
async def planted(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """A server in production, with the most talkative log there is."""
    settings = {
        "PARLOR_ENVIRONMENT": "production",
        "PARLOR_LOG__LEVEL": "debug",
        "PARLOR_AUTH__SECRET_KEY": SIGNING,
        "PARLOR_OPS__HEALTH_TOKEN": HEALTH,
        "PARLOR_OPS__CACHE_SECONDS": "0",
        "PARLOR_LLM__PROVIDERS__MAIN__API_KEY": KEY,
        "PARLOR_LLM__PROVIDERS__SHUT__KIND": "openai",
        "PARLOR_LLM__PROVIDERS__SHUT__BASE_URL": "http://127.0.0.1:1/v1",
        "PARLOR_LLM__PROVIDERS__SHUT__API_KEY": SHAPED_KEY,
        "PARLOR_LLM__MODELS": json.dumps({"shut/model": {"context_tokens": 4096}}),
        "PARLOR_LLM__BREAKER__FAILURES": "1000",  # each of the failures must reach us
        "PARLOR_DATABASE__POOL_TIMEOUT_SECONDS": "1",
        "PARLOR_TOOLS__MCP_CONFIG": str(_tool_servers(tmp_path)),
        "PARLOR_TOOLS__COMPOSIO__API_KEY": COMPOSIO,
        "PARLOR_TOOLS__COMPOSIO__BASE_URL": "http://127.0.0.1:1",
    }
    with ExitStack() as stack:
        if request.param == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            url = stack.enter_context(server.database()).replace("@", f":{DATABASE}@")
        else:
            shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "parlor.db")
            url = f"sqlite:///{tmp_path / 'parlor.db'}"
        async with open_site(tmp_path, request.param, url, **settings) as site:
            yield site


def echo(secret: str) -> str:
    return json.dumps({"error": {"message": f"Incorrect API key provided: {secret}. url=https://user:{secret}@host/?api_key={secret}", "code": secret}})


def failing_answers() -> Iterable[Script]:
    for status in (400, 401, 403, 404, 429, 500, 503):
        yield Script(status=status, body=echo(KEY), content_type="application/json", headers={"X-Debug-Key": KEY})
    yield Script(body=echo(KEY), content_type="application/json")
    yield Script(raw=f"data: {echo(KEY)}\n\n")
    yield Script(raw=f"data: {KEY}\n\ndata: [DONE]\n\n")
    yield Script(status=302, headers={"Location": f"http://127.0.0.1:1/{KEY}"}, body="")
    for fault in ("garbage", "rst", "fin", "error"):
        yield Script(fault=fault, at_chunk=2)  # pyright: ignore[reportArgumentType]  # each is one of them


async def let_models_fail(ears: Ears, member: Member, fake: FakeModel) -> None:
    for script in failing_answers():
        session = (await ears.ask("POST", "/sessions", member.access_token, json={})).json()["id"]
        fake.next(*[script] * 6)  # it may try again
        answer = await ears.ask("POST", f"/sessions/{session}/messages?wait=true", member.access_token, json={"content": MESSAGE})
        assert KEY in repr(fake.requests[-1].headers)
        fake.reset()
        turn = answer.json()["turn"]
        assert turn["state"] == "failed", f"{script}: {answer.text}"
        await ears.ask("GET", f"/turns/{turn['id']}", member.access_token)
        await ears.ask("GET", f"/turns/{turn['id']}/events", member.access_token)
        await ears.ask("GET", f"/sessions/{session}/messages", member.access_token)
    session = (await ears.ask("POST", "/sessions", member.access_token, json={})).json()["id"]
    await ears.ask("POST", f"/sessions/{session}/messages?wait=true", member.access_token, json={"content": MESSAGE, "model": "shut/model"})


async def let_people_fail(ears: Ears, member: Member, password: str) -> None:
    """Typing a secret in the wrong place, sending it broken, too often, too late."""
    login = {"login": member.email, "password": MISTYPED}
    bodies: list[Any] = [login, {"login": password, "password": MISTYPED}, {"login": [password], "password": {"x": MISTYPED}}, [password]]
    for body in bodies:
        await ears.ask("POST", "/auth/login", json=body)
        await ears.ask("POST", "/auth/register", json=body)
    for text in (
        f'{{"password": "{password}"',
        f'{{"password": "{password}", "password": "{MISTYPED}"}}',
        f'{{"refresh_token": "{member.refresh_token}\\u0000"}}',
    ):
        await ears.ask("POST", "/auth/login", content=text, headers={"Content-Type": "application/json"})
    await ears.ask("POST", "/auth/login", content=password * 100_000, headers={"Content-Type": "application/json"})
    await ears.ask("POST", "/auth/password", member.access_token, json={"current_password": MISTYPED, "new_password": NEW_PASSWORD})
    await ears.ask("GET", "/auth/me", headers={"Authorization": f"Basic {password.replace(' ', '')}"})
    await ears.ask("GET", "/auth/me", f"{member.access_token}x")
    await ears.ask("GET", "/auth/me", params={"access_token": member.access_token, "password": password, "x": KEY})
    await ears.ask("POST", "/auth/setup", json={"token": MISTYPED, "email": member.email, "password": password})
    for _ in range(2):
        await ears.ask("POST", "/auth/logout", json={"refresh_token": member.refresh_token})
        await ears.ask("POST", "/auth/refresh", json={"refresh_token": member.refresh_token})


async def let_tools_fail(ears: Ears, member: Member) -> None:
    admin = ears.site.admin.access_token
    for path in ("/composio/toolkits", "/composio/toolkits/github/actions", "/composio/connections"):
        await ears.ask("GET", path, member.access_token)
    await ears.ask("GET", "/composio/auth-configs", admin)
    await ears.ask("POST", "/composio/connections/initiate", member.access_token, json={"toolkit": "github"})
    await ears.ask("POST", "/composio/tools/GITHUB_GET_ME/execute", member.access_token, json={"arguments": {}})
    added = {"name": "added", "url": "http://127.0.0.1:1/mcp", "headers": {"Authorization": ADDED}}
    refused = await ears.ask("POST", "/mcp/servers", admin, json=added)
    assert refused.status_code == 422, "a private address, in whose refusal the header must not be"
    kept = await ears.ask("POST", "/mcp/servers", admin, json={**added, "url": "https://tools.example.com/mcp", "enabled": False})
    assert kept.status_code == 201, kept.text
    for name in ("shut", "parrot"):
        tested = await ears.ask("POST", f"/mcp/servers/{name}/test", admin)
        assert tested.status_code == 200, tested.text
        assert tested.json()["ok"] is False, tested.text
        await ears.ask("GET", f"/mcp/servers/{name}", admin)
    for path in ("/mcp/servers", "/mcp/servers/added", "/health/mcp", "/health/composio", "/tools"):
        await ears.ask("GET", path, admin)
    await ears.ask("POST", "/mcp/reload", admin)


async def look_everywhere(ears: Ears) -> None:
    """As those who see the most."""
    await ears.ask("GET", "/health/detailed", HEALTH)
    for path in ("/health/detailed", "/health/llm", "/health/database", "/admin/modules", "/users", "/models"):
        await ears.ask("GET", path, ears.site.admin.access_token)
    for path in ("/openapi.json", "/docs", "/health/ready"):
        await ears.ask("GET", ears.site.url + path)


def hide(site: Site, *, back: bool = False) -> tuple[str, ...]:
    """What takes tables away that sign-ins and turns need, or brings them back."""
    names = ("refresh_tokens", "turns", "wallets")
    return tuple(f"ALTER TABLE {name}_away RENAME TO {name}" if back else f"ALTER TABLE {name} RENAME TO {name}_away" for name in names)


async def execute(site: Site, statements: Iterable[str]) -> None:
    if site.engine == "postgres":
        connection = await asyncpg.connect(site.database_url)
        try:
            for each in statements:
                await connection.execute(each)
        finally:
            await connection.close()
        return
    with closing(sqlite3.connect(site.database_url.removeprefix("sqlite:///"), timeout=20)) as connection:
        for each in ("PRAGMA legacy_alter_table = ON", *statements):
            connection.execute(each)
        connection.commit()


async def let_the_database_fail(ears: Ears, member: Member, password: str) -> int:
    """Statements that fail with secrets among their parameters. How many answers were 500."""
    session = (await ears.ask("POST", "/sessions", member.access_token, json={})).json()["id"]
    await execute(ears.site, hide(ears.site))
    answers = [
        await ears.ask("POST", "/auth/login", json={"login": member.email, "password": password}),
        await ears.ask("POST", "/auth/register", json={"email": "late@example.com", "password": NEW_PASSWORD}),
        await ears.ask("POST", "/auth/refresh", json={"refresh_token": member.refresh_token}),
        await ears.ask("POST", "/auth/password", member.access_token, json={"current_password": password, "new_password": NEW_PASSWORD}),
        await ears.ask("POST", f"/sessions/{session}/messages", member.access_token, json={"content": MESSAGE}),
        await ears.ask("GET", "/wallet", member.access_token),
    ]
    await look_everywhere(ears)
    await execute(ears.site, hide(ears.site, back=True))
    for answer in answers:
        assert answer.status_code in (500, 503), answer.text
        assert answer.json()["detail"] == "Something went wrong on our side. The request id finds it in the log."
        assert answer.json()["request_id"] in ears.site.server.log
    return len(answers)


async def stored(site: Site) -> str:
    """Every value of every table."""
    if site.engine == "postgres":
        connection = await asyncpg.connect(site.database_url)
        try:
            names = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
            rows = [await connection.fetch(f'SELECT * FROM "{name}"') for name in names]
            return repr([[tuple(each) for each in table] for table in rows])
        finally:
            await connection.close()
    with closing(sqlite3.connect(site.database_url.removeprefix("sqlite:///"))) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert "accounts" in names
        return repr([connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names])


async def test_no_secret_is_in_anything_that_anybody_can_read(planted: Site) -> None:
    """SEC-47. The answers that hand a token to its owner are not among what is looked at: they are made before."""
    password = f"right {random_text(16)}"
    member, second = await planted.sign_up(password=password), await planted.sign_up(password=password)
    ears = Ears(planted)
    await let_models_fail(ears, second, planted.fake)
    await let_people_fail(ears, member, password)
    await let_tools_fail(ears, second)
    failures = await let_the_database_fail(ears, second, password)
    await look_everywhere(ears)
    planted.server.send(signal.SIGTERM)
    assert await planted.server.ended() == 0
    log = planted.server.log
    assert log.count('"level":"error"') >= failures
    assert log.count("Traceback") >= failures
    secrets = {
        "provider key": KEY, "shaped provider key": SHAPED_KEY, "signing secret": SIGNING, "health token": HEALTH, "database password": DATABASE,
        "password": password, "password without its space": password.replace(" ", ""), "mistyped password": MISTYPED, "new password": NEW_PASSWORD,
        "access token": second.access_token, "its signature": second.access_token.split(".")[2], "refresh token": second.refresh_token,
        "first refresh token": member.refresh_token,
        "key of Composio": COMPOSIO, "header of a tool server": TOOL_SERVER, "variable of a tool server": CHILD, "header of an added server": ADDED,
        "administrator's token": planted.admin.access_token, "administrator's refresh token": planted.admin.refresh_token,
    }  # fmt: skip
    places = {"log": log, "answers": "\n".join(ears.heard), "database": await stored(planted)}
    found = {
        f"{name} in {place}": text[max(0, text.index(secret) - 200) : text.index(secret)]
        for place, text in places.items()
        for name, secret in secrets.items()
        if secret in text
    }
    assert found == {}
    assert MESSAGE not in log


async def test_the_log_of_production_is_json_with_the_request_id(planted: Site) -> None:
    answer = await planted.admin_or_nobody.get("/auth/me", headers={"X-Request-ID": "find-me-again-1"})
    assert answer.status_code == 401
    async with asyncio.timeout(10):
        while "find-me-again-1" not in planted.server.log:  # noqa: ASYNC110  # a pipe has no event
            await asyncio.sleep(0.01)  # until the line has come through the pipe
    lines = [json.loads(line) for line in planted.server.log.splitlines() if line.startswith("{")]
    line = next(each for each in lines if each.get("request_id") == "find-me-again-1")
    assert (line["path"], line["status"], line["level"]) == ("/api/v1/auth/me", 401, "info")
    assert not re.search(r"[\x1b]", planted.server.log)


async def test_a_development_server_keeps_its_secret_to_itself(tmp_path: Path) -> None:
    """SEC-36"""
    async with open_site(tmp_path, "sqlite", f"sqlite:///{tmp_path / 'parlor.db'}", PARLOR_LOG__LEVEL="debug") as site:
        del site.server.environ["PARLOR_AUTH__SECRET_KEY"]
        await site.server.kill()
        await site.server.start()
        login = {"login": site.admin.email, "password": PASSWORD}
        token = (await site.admin_or_nobody.post(f"{site.url}/api/v1/auth/login", json=login)).json()["access_token"]
        path = site.server.folder / "data" / "secret.key"
        secret = path.read_text().strip()
        assert len(secret) >= 43
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o077 == 0
        assert secret not in site.server.log
        await site.server.kill()
        await site.server.start()
        assert (await site.admin_or_nobody.get(f"{site.url}/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})).status_code == 200
        assert path.read_text().strip() == secret
