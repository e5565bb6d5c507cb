"""Composio on 127.0.0.1, in a thread of its own: what of its API (v3 and v3.1) Parlor and the official SDK use, and whatever can go wrong with it.

Each connected account has a canary: what is executed with it answers that canary, so that a crossing is seen wherever it happens.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.servers import free_port

API_KEY = "ak_the-key-of-the-test-project-4711"
VERSION = "20251027_00"
OLDER = "20250901_00"
WAIT_SECONDS = 10.0
NOW = "2026-11-01T12:00:00.000Z"

TOOLKITS = {"github": False, "gmail": False, "weathermap": True}
"""By slug: whether it works without a connected account."""
ACTIONS = {
    "GITHUB_CREATE_ISSUE": "github", "GITHUB_GET_THE_AUTHENTICATED_USER": "github", "GITHUB_DELETE_A_REPOSITORY": "github",
    "GMAIL_SEND_EMAIL": "gmail", "GMAIL_FETCH_EMAILS": "gmail", "WEATHERMAP_WEATHER": "weathermap",
}  # fmt: skip


@dataclass
class Trouble:
    """What goes wrong from now on, with requests whose path has `where` in it, the next `times` of them."""

    status: int | None = None
    hangs: bool = False
    body: str | None = None
    """Instead of JSON."""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    where: str = ""
    times: int = 1_000_000


@dataclass
class Account:
    """A connected account."""

    id: str
    user_id: str
    auth_config: dict[str, Any]
    callback_url: str | None
    canary: str
    status: str = "INITIATED"
    reason: str | None = None

    def told(self) -> dict[str, Any]:
        state = {"authScheme": "OAUTH2", "val": {"status": self.status, "access_token": f"gho_{self.canary}", "redirectUrl": "https://x", **_expiry(self)}}
        return {
            "id": self.id, "status": self.status, "status_reason": self.reason, "user_id": self.user_id, "toolkit": self.auth_config["toolkit"],
            "auth_config": {"id": self.auth_config["id"], "auth_scheme": "OAUTH2", "is_composio_managed": True, "is_disabled": False},
            "is_disabled": self.status == "INACTIVE", "created_at": NOW, "updated_at": NOW, "data": {"access_token": f"gho_{self.canary}"}, "params": {},
            "state": state, "test_request_endpoint": "", "deprecated": {"labels": [], "uuid": self.id},
        }  # fmt: skip


def _expiry(account: Account) -> dict[str, Any]:
    return {"expired_at": NOW} if account.status == "EXPIRED" else {}


@dataclass
class ComposioServer:
    """`asked` lists what was requested, in order; `executed` what was done: (connected account, user, slug, version)."""

    port: int
    page: int = 1_000
    """Most rows of a page: less makes more pages."""
    trouble: Trouble = field(default_factory=Trouble)
    accounts: dict[str, Account] = field(default_factory=dict[str, Account])
    auth_configs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    asked: list[str] = field(default_factory=list[str])
    bodies: list[Any] = field(default_factory=list[Any])
    executed: list[tuple[str | None, str, str, str | None]] = field(default_factory=list[tuple[str | None, str, str, str | None]])
    came: threading.Event = field(default_factory=threading.Event)
    actions: dict[str, str] = field(default_factory=lambda: dict(ACTIONS))
    private: set[str] = field(default_factory=set[str])
    """Actions that need a connected account though their toolkit does not."""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _released: threading.Event = field(default_factory=threading.Event)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, beginning: str) -> int:
        """Of requests so far: "POST /api/v3.1/tools/execute"."""
        return sum(each.startswith(beginning) for each in self.asked)

    def heal(self) -> None:
        self.trouble = Trouble()
        self._released.set()
        self._released = threading.Event()

    def only_account(self) -> Account:
        (account,) = self.accounts.values()
        return account

    def app(self) -> Starlette:
        below: list[tuple[str, str, Any]] = [
            ("GET", "/toolkits", self._toolkits), ("GET", "/toolkits/{slug}", self._toolkit),
            ("GET", "/tools", self._tools), ("GET", "/tools/{slug}", self._tool), ("POST", "/tools/execute/{slug}", self._execute),
            ("GET", "/auth_configs", self._list_auth_configs), ("POST", "/auth_configs", self._create_auth_config),
            ("GET", "/connected_accounts", self._list_accounts), ("POST", "/connected_accounts/link", self._link),
            ("GET", "/connected_accounts/{id}", self._account), ("DELETE", "/connected_accounts/{id}", self._delete_account),
        ]  # fmt: skip
        routes = [Route(prefix + path, self._guarded(answer), methods=[method]) for prefix in ("/api/v3", "/api/v3.1") for method, path, answer in below]
        return Starlette(routes=[*routes, Route("/link/{id}", self._visit)])

    def _guarded(self, answer: Any) -> Any:
        async def guarded(request: Request) -> Response:
            self.asked.append(f"{request.method} {request.url.path}")
            self.came.set()
            trouble = self.trouble
            if trouble.where in request.url.path and trouble.times > 0:
                trouble.times -= 1
                if trouble.hangs:
                    from anyio import to_thread

                    await to_thread.run_sync(self._released.wait, WAIT_SECONDS)
                if trouble.body is not None:
                    return Response(trouble.body, trouble.status or 200, trouble.headers, "application/json")
                if trouble.status is not None:
                    return refused(trouble.status, "Something went wrong", trouble.headers)
            if (key := request.headers.get("x-api-key", "")) != API_KEY:
                return refused(401, f"Invalid API key: {key}")  # as careless servers do
            return await answer(request)

        return guarded

    def _rows(self, request: Request, rows: list[Any]) -> Response:
        begin = int(request.query_params.get("cursor") or 0)
        limit = min(self.page, int(float(request.query_params.get("limit") or 20)))
        end = begin + limit
        page = {"items": rows[begin:end], "next_cursor": str(end) if end < len(rows) else None}
        return JSONResponse({**page, "total_pages": -(-len(rows) // limit), "current_page": begin // limit + 1, "total_items": len(rows)})

    async def _toolkits(self, request: Request) -> Response:
        search = request.query_params.get("search", "")
        return self._rows(request, [self._toolkit_row(slug) for slug in TOOLKITS if search in slug])

    async def _toolkit(self, request: Request) -> Response:
        slug = request.path_params["slug"]
        if slug not in TOOLKITS:
            return refused(404, "Toolkit not found")
        row = self._toolkit_row(slug)
        del row["no_auth"], row["auth_schemes"]
        return JSONResponse({**row, "enabled": True, "composio_managed_auth": [], "auth_config_details": [], "base_url": None})

    def _toolkit_row(self, slug: str) -> dict[str, Any]:
        meta = {
            "categories": [{"id": "dev", "name": "Development"}], "created_at": NOW, "updated_at": NOW, "description": f"{slug.title()}, as a toolkit.",
            "logo": f"https://logos.example.com/{slug}.svg", "tools_count": sum(each == slug for each in self.actions.values()), "triggers_count": 0,
            "version": VERSION,
        }  # fmt: skip
        no_auth = TOOLKITS[slug]
        return {
            "slug": slug, "name": slug.title(), "type": "native", "is_local_toolkit": False, "no_auth": no_auth, "meta": meta,
            "auth_schemes": [] if no_auth else ["OAUTH2"], "composio_managed_auth_schemes": [] if no_auth else ["OAUTH2"], "deprecated": {"toolkitId": slug},
        }  # fmt: skip

    async def _tools(self, request: Request) -> Response:
        asked = request.query_params
        toolkits, slugs = asked.get("toolkit_slug", "").split(","), asked.get("tool_slugs", "").split(",")
        search = asked.get("search") or asked.get("query") or ""
        chosen = [slug for slug, toolkit in self.actions.items() if (slug in slugs or toolkit in toolkits) and search.lower() in slug.lower()]
        return self._rows(request, [self._tool_row(slug, asked.get("toolkit_versions")) for slug in chosen])

    async def _tool(self, request: Request) -> Response:
        slug = request.path_params["slug"]
        if slug not in self.actions:
            return refused(404, f"Tool {slug} not found")
        return JSONResponse(self._tool_row(slug, request.query_params.get("toolkit_versions")))

    def _tool_row(self, slug: str, version: str | None) -> dict[str, Any]:
        toolkit = self.actions[slug]
        version = VERSION if version in (None, "latest") else version
        schema = {"type": "object", "properties": {"title": {"type": "string", "description": "What it is called."}}, "required": []}
        logo = f"https://logos.example.com/{toolkit}.svg"
        deprecated = {
            "available_versions": [OLDER, VERSION], "displayName": slug, "is_deprecated": False, "toolkit": {"logo": logo}, "version": version,
        }  # fmt: skip
        return {
            "slug": slug, "name": slug.title(), "description": f"Does {slug}.\u200b", "human_description": None, "is_deprecated": False, "tags": [],
            "toolkit": {"slug": toolkit, "name": toolkit.title(), "logo": logo}, "input_parameters": schema, "output_parameters": {"type": "object"},
            "no_auth": TOOLKITS[toolkit] and slug not in self.private, "available_versions": [OLDER, VERSION], "version": version, "scopes": [],
            "deprecated": deprecated,
        }  # fmt: skip

    async def _execute(self, request: Request) -> Response:
        slug, body = request.path_params["slug"], await request.json()
        self.bodies.append(body)
        if slug not in self.actions:
            return refused(404, f"Tool {slug} not found")
        if body.get("version") in (None, "latest"):
            return refused(400, "A concrete version is required")
        toolkit, account = self.actions[slug], self._account_for(body)
        if account is None and not TOOLKITS[toolkit]:
            return refused(400, "No connected account found")
        if account is not None and (account.user_id != body["user_id"] or account.auth_config["toolkit"]["slug"] != toolkit):
            return refused(400, "The connected account is another user's or toolkit's")
        if account is not None and account.status != "ACTIVE":
            return refused(400, f"The connected account is {account.status}")
        self.executed.append((account.id if account else None, body["user_id"], slug, body["version"]))
        if body["arguments"].get("fails"):
            return JSONResponse({"data": {}, "error": "The repository is archived", "successful": False, "log_id": "log_1"})
        data = {"canary": account.canary if account else None, "echo": body["arguments"]}
        return JSONResponse({"data": data, "error": None, "successful": True, "log_id": "log_1"})

    def _account_for(self, body: dict[str, Any]) -> Account | None:
        if (account_id := body.get("connected_account_id")) is not None:
            return self.accounts.get(account_id)
        # as the real one: the first of that user, whoever called
        return next((each for each in self.accounts.values() if each.user_id == body["user_id"] and each.status == "ACTIVE"), None)

    async def _list_auth_configs(self, request: Request) -> Response:
        toolkit = request.query_params.get("toolkit_slug")
        return self._rows(request, [each for each in self.auth_configs.values() if toolkit in (None, each["toolkit"]["slug"])])

    async def _create_auth_config(self, request: Request) -> Response:
        body = await request.json()
        slug, config = body["toolkit"]["slug"], body.get("auth_config") or {"type": "use_composio_managed_auth"}
        if slug not in TOOLKITS:
            return refused(404, "Toolkit not found")
        is_managed = config["type"] == "use_composio_managed_auth"
        if is_managed and TOOLKITS[slug]:
            return refused(400, "Composio has no managed auth for this toolkit")
        return JSONResponse(self.add_auth_config(slug, is_managed=is_managed, credentials=config.get("credentials")), 201)

    def add_auth_config(self, slug: str, *, is_managed: bool = True, credentials: Any = None) -> dict[str, Any]:
        """What the API answers to whoever makes one."""
        number = next(self._numbers)
        config_id = f"ac_{number}"
        self.auth_configs[config_id] = {
            "id": config_id, "uuid": config_id, "name": f"{slug} {number}", "type": "default" if is_managed else "custom", "status": "ENABLED",
            "toolkit": {"slug": slug, "logo": f"https://logos.example.com/{slug}.svg"}, "auth_scheme": "OAUTH2", "is_composio_managed": is_managed,
            "created_at": f"2026-11-01T12:{number:02}:00.000Z", "no_of_connections": 0, "credentials": credentials or {}, "tool_access_config": {},
        }  # fmt: skip
        return {"toolkit": {"slug": slug}, "auth_config": {"id": config_id, "auth_scheme": "OAUTH2", "is_composio_managed": is_managed}}

    async def _list_accounts(self, request: Request) -> Response:
        asked = request.query_params
        wanted = {name: asked.getlist(name) for name in ("user_ids", "auth_config_ids", "statuses")}

        def fits(account: Account) -> bool:
            has = {"user_ids": account.user_id, "auth_config_ids": account.auth_config["id"], "statuses": account.status}
            return all(not values or has[name] in [each for value in values for each in value.split(",")] for name, values in wanted.items())

        return self._rows(request, [each.told() for each in self.accounts.values() if fits(each)])

    async def _link(self, request: Request) -> Response:
        body = await request.json()
        config = self.auth_configs.get(body["auth_config_id"])
        if config is None:
            return refused(404, "Auth config not found")
        number = next(self._numbers)
        account = Account(f"ca_{number}", body["user_id"], config, body.get("callback_url"), f"canary-{number}")
        self.accounts[account.id] = account
        expires_at = datetime.now(UTC).isoformat()
        link = {"link_token": f"lk_{number}", "redirect_url": f"{self.base_url}/link/{account.id}", "expires_at": expires_at}
        return JSONResponse({**link, "connected_account_id": account.id}, 201)

    async def _visit(self, request: Request) -> Response:
        """The sign-in page: whoever comes agrees; with `?deny=1` they do not."""
        account = self.accounts.get(request.path_params["id"])
        if account is None or account.status != "INITIATED":
            return HTMLResponse("This link has expired", 410)
        account.status = "FAILED" if request.query_params.get("deny") else "ACTIVE"
        return RedirectResponse(account.callback_url, 302) if account.callback_url else HTMLResponse("Connected")

    async def _account(self, request: Request) -> Response:
        account = self.accounts.get(request.path_params["id"])
        return refused(404, "Connected account not found") if account is None else JSONResponse(account.told())

    async def _delete_account(self, request: Request) -> Response:
        if self.accounts.pop(request.path_params["id"], None) is None:
            return refused(404, "Connected account not found")
        return JSONResponse({"success": True})


def refused(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    error = {"message": message, "code": 10_000 + status, "slug": f"Error_{status}", "status": status, "request_id": "req-1", "suggested_fix": "None"}
    return JSONResponse({"error": error}, status, headers)


@contextmanager
def run_composio() -> Iterator[ComposioServer]:
    """Answers as soon as the block begins, and is gone after it."""
    server = ComposioServer(free_port())
    with listening(server):
        yield server


@contextmanager
def listening(server: ComposioServer) -> Iterator[None]:
    config = uvicorn.Config(server.app(), host="127.0.0.1", port=server.port, lifespan="off", log_config=None, access_log=False, loop="asyncio")
    runner = uvicorn.Server(config)
    thread = threading.Thread(target=runner.run, name="composio-server", daemon=True)
    thread.start()
    _wait(lambda: runner.started or not thread.is_alive())
    if not runner.started:
        raise RuntimeError("the Composio server of the tests does not start")
    try:
        yield
    finally:
        server.heal()
        runner.should_exit = runner.force_exit = True
        thread.join(WAIT_SECONDS)


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.005)
