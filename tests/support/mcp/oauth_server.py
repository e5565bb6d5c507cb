"""An authorization server and the tool server that it protects, on 127.0.0.1 in a thread of their own, with whatever can go wrong between them.

It is strict where the standards are: codes work once and with their verifier, refresh tokens rotate, and the second use of one ends the grant.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.servers import free_port

WAIT_SECONDS = 10.0
RESOURCE_PATH = "/.well-known/oauth-protected-resource/mcp"
METADATA_PATH = "/.well-known/oauth-authorization-server"


@dataclass
class Trouble:
    """What goes wrong from now on. In `resource` and `metadata` None takes a member out; `answers` replaces what a path answers."""

    resource: dict[str, Any] = field(default_factory=dict[str, Any])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    answers: dict[str, Response] = field(default_factory=dict[str, Response])
    back: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    """What the browser brings back instead."""
    token: dict[str, Any] = field(default_factory=dict[str, Any])
    registers: bool = True
    codes_are_old: bool = False


@dataclass
class Issued:
    """A grant, with all tokens that it ever had."""

    client_id: str
    scope: str
    resource: str | None
    access: set[str] = field(default_factory=set[str])
    refresh: str = ""
    used: set[str] = field(default_factory=set[str])
    is_over: bool = False


@dataclass
class OAuthServer:
    port: int
    trouble: Trouble = field(default_factory=Trouble)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    """Paths and forms, in order."""
    registered: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    issued: list[Issued] = field(default_factory=list[Issued])
    lifetime_seconds: int | None = 3600
    gives_refresh_tokens: bool = True
    needed_scope: str = ""
    """Of the tool server's calls; without it they are refused with a step-up."""
    auth_methods: tuple[str, ...] = ("client_secret_basic", "client_secret_post", "none")
    calls: int = 0
    """Of the tool, that came through."""
    holds_renewals: threading.Event | None = None
    """Renewals wait for it."""
    renewal_came: threading.Event = field(default_factory=threading.Event)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Of the tool server."""
        return f"{self.issuer}/mcp"

    @property
    def challenge(self) -> str:
        return f'Bearer resource_metadata="{self.issuer}{RESOURCE_PATH}"'

    def count(self, path: str, **form: str) -> int:
        return sum(each == path and form.items() <= said.items() for each, said in self.asked)

    @property
    def renewals(self) -> int:
        return self.count("/token", grant_type="refresh_token")

    def heal(self) -> None:
        self.trouble = Trouble()

    def secrets(self) -> set[str]:
        """Everything that opens something here, ever."""
        tokens = {token for each in self.issued for token in (*each.access, *each.used, each.refresh) if token}
        return tokens | {client["client_secret"] for client in self.registered.values() if client.get("client_secret")}

    def is_good(self, authorization: str | None) -> bool:
        return self._grant_of((authorization or "").removeprefix("Bearer ")) is not None

    def end_access(self) -> None:
        """All access tokens that there are stop working; their refresh tokens go on."""
        for each in self.issued:
            each.access.clear()

    def _grant_of(self, token: str) -> Issued | None:
        return next((each for each in self.issued if token in each.access and not each.is_over), None)

    def app(self) -> Starlette:
        routes = [
            Route(RESOURCE_PATH, self._resource),
            Route(METADATA_PATH, self._metadata),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/register", self._register, methods=["POST"]),
            Route("/revoke", self._revoke, methods=["POST"]),
            Route("/mcp", self._mcp, methods=["POST"]),
        ]
        known = [Route(each.path, self._noted(each.endpoint), methods=list(each.methods or ())) for each in routes]
        return Starlette(routes=[*known, Route("/{path:path}", self._noted(self._nothing), methods=["GET", "POST"])])

    def _noted(self, endpoint: Any) -> Any:
        async def answer(request: Request) -> Response:
            body = (await request.body()).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()} if "form" in request.headers.get("content-type", "") else {}
            self.asked.append((request.url.path, form or dict(request.query_params)))
            if (instead := self.trouble.answers.get(request.url.path)) is not None:
                return instead
            return await endpoint(request, form)

        return answer

    async def _nothing(self, request: Request, form: dict[str, str]) -> Response:
        return Response(status_code=404)

    async def _resource(self, request: Request, form: dict[str, str]) -> Response:
        said = {"resource": self.url, "authorization_servers": [self.issuer], **self.trouble.resource}
        return JSONResponse({name: value for name, value in said.items() if value is not None})

    async def _metadata(self, request: Request, form: dict[str, str]) -> Response:
        said: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "registration_endpoint": f"{self.issuer}/register",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "response_types_supported": ["code"],
            "token_endpoint_auth_methods_supported": list(self.auth_methods),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            **self.trouble.metadata,
        }
        return JSONResponse({name: value for name, value in said.items() if value is not None})

    async def _register(self, request: Request, form: dict[str, str]) -> Response:
        asked = json.loads(await request.body())
        if not self.trouble.registers or not asked.get("redirect_uris"):
            return JSONResponse({"error": "invalid_client_metadata"}, 400)
        client = {**asked, "client_id": f"client-{len(self.registered)}", "client_id_issued_at": int(time.time())}
        if asked.get("token_endpoint_auth_method") != "none":
            client |= {"client_secret": f"cs_{secrets.token_urlsafe(24)}", "client_secret_expires_at": 0}
        self.registered[client["client_id"]] = client
        return JSONResponse(client, 201)

    async def _authorize(self, request: Request, form: dict[str, str]) -> Response:
        """Whoever comes has agreed before, and is sent back at once."""
        asked = dict(request.query_params)
        client = self.registered.get(asked.get("client_id", ""))
        if client is None or asked.get("redirect_uri") not in client["redirect_uris"]:
            return HTMLResponse("unknown client or redirect_uri", 400)
        is_good = asked.get("response_type") == "code" and asked.get("code_challenge_method") == "S256" and asked.get("resource") == self.url
        code = secrets.token_urlsafe(16)
        back: dict[str, str | None] = {"state": asked["state"], "iss": self.issuer, **({"code": code} if is_good else {"error": "invalid_request"})}
        if is_good:
            self._codes[code] = asked
        said = {name: value for name, value in {**back, **self.trouble.back}.items() if value is not None}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(said)}", 302)

    async def _token(self, request: Request, form: dict[str, str]) -> Response:
        if form.get("grant_type") == "refresh_token":
            self.renewal_came.set()
            if self.holds_renewals is not None:
                from anyio import to_thread

                await to_thread.run_sync(self.holds_renewals.wait, WAIT_SECONDS)
        client_id = self._client_of(request, form)
        if client_id is None:
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = self._by_code(client_id, form) if form.get("grant_type") == "authorization_code" else self._by_refresh_token(client_id, form)
        if grant is None:
            return JSONResponse({"error": "invalid_grant", "error_description": f"no grant for {form.get('refresh_token') or form.get('code')}"}, 400)
        return JSONResponse({name: value for name, value in {**self._given(grant), **self.trouble.token}.items() if value is not None})

    def _given(self, grant: Issued) -> dict[str, Any]:
        access = f"at_{secrets.token_urlsafe(24)}"
        grant.access = {*grant.access, access}
        given: dict[str, Any] = {"access_token": access, "token_type": "bearer", "scope": grant.scope or None, "expires_in": self.lifetime_seconds}
        if self.gives_refresh_tokens:
            grant.refresh = f"qt_{secrets.token_urlsafe(24)}"
            given["refresh_token"] = grant.refresh
        return given

    def _by_code(self, client_id: str, form: dict[str, str]) -> Issued | None:
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if asked is None or self.trouble.codes_are_old or asked["client_id"] != client_id or asked["redirect_uri"] != form.get("redirect_uri"):
            return None
        if asked["code_challenge"] != challenge or asked["resource"] != form.get("resource"):
            return None
        self.issued.append(Issued(client_id, asked.get("scope", ""), asked["resource"]))
        return self.issued[-1]

    def _by_refresh_token(self, client_id: str, form: dict[str, str]) -> Issued | None:
        token = form.get("refresh_token", "")
        grant = next((each for each in self.issued if token and (token == each.refresh or token in each.used)), None)
        if grant is None or grant.client_id != client_id or grant.resource != form.get("resource"):
            return None
        if token in grant.used:
            grant.is_over = True  # somebody has a copy
        if grant.is_over:
            return None
        grant.used.add(token)
        return grant

    def _client_of(self, request: Request, form: dict[str, str]) -> str | None:
        basic = request.headers.get("authorization", "")
        if basic.startswith("Basic "):
            client_id, _, secret = base64.b64decode(basic[6:]).decode().partition(":")
            client_id, secret, method = unquote(client_id), unquote(secret), "client_secret_basic"
        else:
            client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
            method = "client_secret_post" if secret else "none"
        client = self.registered.get(client_id)
        if client is None or client["token_endpoint_auth_method"] != method or client.get("client_secret", "") != secret:
            return None
        return client_id

    async def _revoke(self, request: Request, form: dict[str, str]) -> Response:
        if self._client_of(request, form) is None:
            return JSONResponse({"error": "invalid_client"}, 401)
        for each in self.issued:
            if form.get("token") in (each.refresh, *each.access):
                each.is_over = True
        return Response(status_code=200)

    async def _mcp(self, request: Request, form: dict[str, str]) -> Response:
        """A tool server of 2025-11-25 with one tool, behind its door. What asks for nothing but the door gets its scope."""
        grant = self._grant_of(request.headers.get("authorization", "").removeprefix("Bearer "))
        if grant is None:
            error = ', error="invalid_token"' if "authorization" in request.headers else ""
            return JSONResponse({}, 401, {"WWW-Authenticate": self.challenge + error})
        message = json.loads(await request.body() or "{}")
        is_call = message.get("method") in (None, "tools/call")
        if is_call and not set(self.needed_scope.split()) <= set(grant.scope.split()):
            return JSONResponse({}, 403, {"WWW-Authenticate": f'{self.challenge}, error="insufficient_scope", scope="{self.needed_scope}"'})
        if "id" not in message:
            return JSONResponse({"scope": grant.scope}) if is_call else Response(status_code=202)
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], **self._answered(message, grant)})

    def _answered(self, message: dict[str, Any], grant: Issued) -> dict[str, Any]:
        match message["method"]:
            case "initialize":
                said = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "notes", "version": "1"}}
            case "tools/list":
                said = {"tools": [{"name": "whoami", "description": "Says whose grant it is.", "inputSchema": {"type": "object"}}]}
            case "tools/call":
                self.calls += 1
                said = {"content": [{"type": "text", "text": f"grant {self.issued.index(grant)}"}]}
            case _:
                return {"error": {"code": -32601, "message": "Method not found"}}
        return {"result": said}


@contextmanager
def run_oauth_server() -> Iterator[OAuthServer]:
    """Gone at the end of the block."""
    server = OAuthServer(free_port())
    config = uvicorn.Config(server.app(), host="127.0.0.1", port=server.port, lifespan="off", log_config=None, access_log=False, loop="asyncio")
    runner = uvicorn.Server(config)
    thread = threading.Thread(target=runner.run, name="oauth-server", daemon=True)
    thread.start()
    deadline = time.monotonic() + WAIT_SECONDS
    while not runner.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the authorization server of the tests does not start")
        time.sleep(0.005)
    try:
        yield server
    finally:
        if server.holds_renewals is not None:
            server.holds_renewals.set()
        runner.should_exit = runner.force_exit = True
        thread.join(WAIT_SECONDS)
