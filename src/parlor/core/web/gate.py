"""The one middleware, plain ASGI: everything that holds for each request stands in here once, so that a request passes one wrapper and a chunk one `if`.

Request id, limits of URL, headers and body, allowed hosts, foreign origins, security headers, the last resort for errors, and one line in the access log.
"""

import re
from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from parlor.core.events.origin import acting_as
from parlor.core.ids import new_id
from parlor.core.log import get_logger
from parlor.core.web import envelopes, problems
from parlor.core.web.hosts import Hosts
from parlor.core.web.limits import BoundedBody, max_body_bytes
from parlor.core.web.proxies import TrustedProxies
from parlor.core.web.settings import ServerSettings

API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_DEFAULTS = ((b"content-security-policy", API_POLICY), (b"cache-control", b"no-store"))
_TRANSPORT_SECURITY = (b"strict-transport-security", b"max-age=31536000")
_WELL_FORMED_ID = re.compile(rb"[A-Za-z0-9._\-]{8,128}")
_CLOSING = frozenset({408, 413, 414, 431})
_MAX_USER_AGENT = 1000
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SECRET_PARAMETERS = ("token", "code", "key")


class Refusal(NamedTuple):
    status: int
    detail: str
    code: str | None = None


class _Head:
    """What the gate needs of the request's headers, read in one pass."""

    __slots__ = (
        "awaits_continue", "content_encoding", "content_length", "content_type", "has_body", "hosts", "lengths", "origin", "request_id", "size_bytes",
        "user_agent",
    )  # fmt: skip

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self.hosts: list[bytes] = []
        self.lengths: list[bytes] = []
        self.origin = self.request_id = self.content_encoding = self.user_agent = None
        self.content_type = b""
        self.content_length: int | None = None
        self.has_body = self.awaits_continue = False
        self.size_bytes = 0
        for name, value in headers:
            self.size_bytes += len(name) + len(value)
            if name == b"host":
                self.hosts.append(value)
            elif name == b"content-length":
                self.lengths.append(value)
            elif name == b"content-type":
                self.content_type = value
            elif name == b"transfer-encoding":
                self.has_body = True
            elif name == b"x-request-id":
                self.request_id = value
            elif name == b"origin":
                self.origin = value
            elif name == b"user-agent":
                self.user_agent = value[:_MAX_USER_AGENT].decode("latin-1")
            elif name == b"content-encoding":
                self.content_encoding = value
            elif name == b"expect":
                self.awaits_continue = True
        if len(self.lengths) == 1 and self.lengths[0].isdigit() and len(self.lengths[0]) < 20:
            self.content_length = int(self.lengths[0])
            self.has_body = self.has_body or self.content_length > 0


class _Reply:
    """Stands in for `send`: completes the head of the answer, and passes the rest on as it is."""

    __slots__ = ("_extra", "_send", "body", "status")

    def __init__(self, send: Send, extra: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._extra = extra
        self.status: int | None = None
        self.body: BoundedBody | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            names = {name for name, _ in headers}
            headers += [each for each in self._extra if each[0] not in names]
            if self.status in _CLOSING or (self.body is not None and self.body.is_endless):
                headers.append((b"connection", b"close"))
            message["headers"] = headers
        await self._send(message)


class Gate:
    def __init__(self, app: ASGIApp, settings: ServerSettings, error_envelopes: Sequence[envelopes.Envelope] = ()) -> None:
        self._app = app
        self._envelopes = error_envelopes
        self._settings = settings
        self._hosts = Hosts(settings.host, settings.all_allowed_hosts())
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._origins = frozenset(each.rstrip("/").lower() for each in settings.cors_origins)
        self._log = get_logger("access").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        head = _Head(scope["headers"])
        self._proxies.rewrite(scope)
        request_id = head.request_id.decode() if head.request_id and _WELL_FORMED_ID.fullmatch(head.request_id) else str(new_id())
        reply = _Reply(send, self._extra_headers(scope, request_id))
        tokens = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            with acting_as(address=_address(scope), user_agent=head.user_agent):
                if (envelope := envelopes.envelope_of(scope["path"], self._envelopes)) is None:
                    await self._answer(scope, receive, reply, head)
                else:
                    with envelopes.within(envelope):
                        await self._answer(scope, receive, reply, head)
        finally:
            self._write_line(scope, reply.status, started)
            structlog.contextvars.reset_contextvars(**tokens)

    async def _answer(self, scope: Scope, receive: Receive, reply: _Reply, head: _Head) -> None:
        if head.has_body:
            limit = max_body_bytes(self._settings, scope["path"], head.content_type)
            receive = reply.body = BoundedBody(receive, limit, head.content_length, self._settings, awaits_continue=head.awaits_continue)
        if refusal := self._refusal(scope, head):
            code, title = problems.code_and_title(refusal.status)
            await problems.answer(refusal.status, refusal.code or code, title, refusal.detail)(scope, receive, reply)
            return
        self._lend_container(scope)
        try:
            await self._app(scope, receive, reply)
        except Exception:
            self._log.exception("request failed", method=scope["method"], path=_path(scope))
            if reply.status is None:
                await problems.internal()(scope, receive, reply)

    def _refusal(self, scope: Scope, head: _Head) -> Refusal | None:
        settings = self._settings
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > settings.max_url_bytes:
            return Refusal(414, f"The URL is longer than {settings.max_url_bytes} bytes.")
        if len(scope["headers"]) > settings.max_headers or head.size_bytes > settings.max_header_bytes:
            return Refusal(431, f"More than {settings.max_headers} headers, or more than {settings.max_header_bytes} bytes of them.")
        if head.lengths and head.content_length is None:
            return Refusal(400, "Content-Length is not one number.")
        if head.has_body and head.content_encoding not in (None, b"", b"identity"):
            return Refusal(415, "Content-Encoding is not supported: send the body as it is.")
        return self._host_refusal(scope, head) or self._origin_refusal(scope, head)

    def _host_refusal(self, scope: Scope, head: _Head) -> Refusal | None:
        if not head.hosts and scope.get("http_version") == "1.0":
            return None
        name = self._hosts.name_of(head.hosts[0].decode("latin-1")) if len(head.hosts) == 1 else None
        if name is None:
            return Refusal(400, "The request needs one Host header, with a host name and perhaps a port.", "request.bad_host")
        server = scope.get("server")
        if not self._hosts.allows(name, server[0] if server else None):
            return Refusal(400, "This server does not answer to that Host: add it to PARLOR_SERVER__ALLOWED_HOSTS.", "request.unknown_host")
        return None

    def _origin_refusal(self, scope: Scope, head: _Head) -> Refusal | None:
        """A page of another origin may change nothing here, whatever its browser let it send without asking."""
        if head.origin is None or scope["method"] in _SAFE_METHODS:
            return None
        origin = head.origin.decode("latin-1").lower()
        own = origin.partition("://")[2]
        if origin in self._origins or "*" in self._origins or own == head.hosts[0].decode("latin-1").lower():
            return None
        name = self._hosts.name_of(own)
        if name is not None and self._hosts.lists(name):
            return None
        return Refusal(403, "Pages of that origin may not call this server: add it to PARLOR_SERVER__CORS_ORIGINS.", "request.foreign_origin")

    def _extra_headers(self, scope: Scope, request_id: str) -> list[tuple[bytes, bytes]]:
        extra = [(b"x-request-id", request_id.encode()), *_HEADERS, *_DEFAULTS]
        if scope.get("scheme") == "https":
            extra.append(_TRANSPORT_SECURITY)
        return extra

    def _lend_container(self, scope: Scope) -> None:
        """All services live as long as the process, so a request needs no container of its own: it borrows the one of the house."""
        app: FastAPI | None = scope.get("app")
        container: Any = getattr(app.state, "dishka_container", None) if app is not None else None
        scope.setdefault("state", {})["dishka_container"] = container

    def _write_line(self, scope: Scope, status: int | None, started: float) -> None:
        took_ms = round((perf_counter() - started) * 1000, 2)
        self._log.info("request", method=scope["method"], path=_path(scope), status=status, took_ms=took_ms, client=_address(scope))


def _address(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


def _path(scope: Scope) -> str:
    """As it was sent, percent-encoded and without the query; the route's own pattern when a secret is part of the path."""
    parameters: dict[str, Any] = scope.get("path_params") or {}
    if any(name in parameters for name in _SECRET_PARAMETERS):
        return scope["route"].path_format
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw[:500].decode("latin-1")
