"""An OpenID provider on 127.0.0.1, in a thread of its own: discovery, keys that rotate, authorize, token with PKCE, and whatever can go wrong with them."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwk, jws
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.servers import free_port

CLIENT_ID = "parlor-test.apps.example.com"
CLIENT_SECRET = "the secret of the test client"
WAIT_SECONDS = 10.0


@cache
def rsa_key() -> jwk.RSAKey:
    """Slow to make, so there is one."""
    return jwk.RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})


@cache
def ec_key(key_id: str = "second") -> jwk.ECKey:
    return jwk.ECKey.generate_key("P-256", {"kid": key_id, "use": "sig", "alg": "ES256"})


@dataclass
class Trouble:
    """What goes wrong from now on. `claims` and `header` replace what a token would say; None takes the member out."""

    status: int | None = None
    hangs: bool = False
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    header: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class OpenIdServer:
    """`person` is who sits at the browser. `asked` lists what was requested, in order."""

    port: int
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "1001", "email": "ann@example.com", "email_verified": True, "name": "Ann"})
    redirect_uris: set[str] = field(default_factory=set[str])
    trouble: Trouble = field(default_factory=Trouble)
    asked: list[str] = field(default_factory=list[str])
    keys: list[jwk.RSAKey | jwk.ECKey] = field(default_factory=lambda: [rsa_key()])
    came: threading.Event = field(default_factory=threading.Event)
    """Set with the first request."""
    shows_a_page: bool = False
    """Else whoever comes to /authorize is sent back at once, as somebody who has agreed before."""
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    _released: threading.Event = field(default_factory=threading.Event)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def rotate(self, key_id: str = "second") -> None:
        """Sign with a new key; the old ones are not shown any more."""
        self.keys = [ec_key(key_id)]

    def count(self, path: str) -> int:
        return sum(each == path for each in self.asked)

    def heal(self) -> None:
        self.trouble = Trouble()
        self._released.set()
        self._released = threading.Event()

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT_ID, "azp": CLIENT_ID, "iat": now, "exp": now + 3600, **self.person, **more, **self.trouble.claims}
        return {name: value for name, value in said.items() if value is not None}

    def token(self, **claims: Any) -> str:
        """Signed with the newest key."""
        key = self.keys[-1]
        header = {"alg": key.get("alg"), "kid": key.kid, "typ": "JWT", **self.trouble.header}
        header = {name: value for name, value in header.items() if value is not None}
        return signed(header, self.claims(**claims), key)

    def app(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/jwks", self._jwks),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
        ]
        return Starlette(routes=[Route(each.path, self._troubled(each.endpoint), methods=list(each.methods or ())) for each in routes])

    def _troubled(self, endpoint: Any) -> Any:
        async def answer(request: Request) -> Response:
            self.asked.append(request.url.path)
            self.came.set()
            if self.trouble.hangs:
                from anyio import to_thread

                await to_thread.run_sync(self._released.wait, WAIT_SECONDS)
            if self.trouble.status is not None:
                return JSONResponse({"error": "server_error"}, self.trouble.status)
            return await endpoint(request)

        return answer

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse(self.jwks)

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("client_id") != CLIENT_ID or asked.get("redirect_uri") not in self.redirect_uris:
            return HTMLResponse("redirect_uri_mismatch", 400)
        back = {"state": asked["state"], "iss": self.issuer}
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256" or "openid" not in asked.get("scope", "").split():
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({**back, 'error': 'invalid_request'})}", 302)
        code = f"code-{len(self._codes)}-{hashlib.sha256(asked['state'].encode()).hexdigest()[:16]}"
        self._codes[code] = asked
        allow = f"{asked['redirect_uri']}?{urlencode({**back, 'code': code})}"
        deny = f"{asked['redirect_uri']}?{urlencode({**back, 'error': 'access_denied'})}"
        if self.shows_a_page:
            return HTMLResponse(f'<a id="allow" href="{allow}">Continue as {self.person["email"]}</a> <a id="deny" href="{deny}">Cancel</a>')
        return RedirectResponse(allow, 302)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self._codes.pop(form.get("code", ""), None)
        basic = request.headers.get("authorization", "")
        expected = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if basic != expected and (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        challenge = _encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri") or asked.get("code_challenge") != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        access_token = "an access token"
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        more = {"nonce": asked.get("nonce"), "at_hash": _encoded(half)}
        answer = {"id_token": self.token(**more), "access_token": access_token, "token_type": "Bearer", "expires_in": 3600, "scope": asked["scope"]}
        return JSONResponse(answer)


def signed(header: Mapping[str, Any], claims: Mapping[str, Any] | str, key: Any) -> str:
    """A token as anybody may make one, by hand: a careful library refuses most of what the tests need. A key of bytes is a shared secret."""
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    message = ".".join(_encoded(each.encode()) for each in (json.dumps(dict(header)), payload))
    if header.get("alg") in (None, "none"):
        return message + "."
    if isinstance(key, bytes):
        return f"{message}.{_encoded(hmac.digest(key, message.encode(), 'sha256'))}"
    return f"{message}.{_encoded(jws.JWSRegistry.algorithms[header['alg']].sign(message.encode(), key))}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@contextmanager
def run_openid_server() -> Iterator[OpenIdServer]:
    """Gone at the end of the block; `stopped` below takes it away for a while."""
    server = OpenIdServer(free_port())
    with listening(server):
        yield server


@contextmanager
def listening(server: OpenIdServer) -> Iterator[None]:
    """The server at its port, which answers as soon as the block begins and refuses connections after it."""
    config = uvicorn.Config(server.app(), host="127.0.0.1", port=server.port, lifespan="off", log_config=None, access_log=False, loop="asyncio")
    runner = uvicorn.Server(config)
    thread = threading.Thread(target=runner.run, name="openid-server", daemon=True)
    thread.start()
    deadline = time.monotonic() + WAIT_SECONDS
    while not runner.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the OpenID server of the tests does not start")
        time.sleep(0.005)
    try:
        yield
    finally:
        server.heal()
        runner.should_exit = runner.force_exit = True
        thread.join(WAIT_SECONDS)
