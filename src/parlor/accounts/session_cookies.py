"""The tokens of a sign-in as cookies that no script can read, for front ends in a browser.

A browser sends cookies whoever made it ask. So a request that changes something and shows nothing but a cookie must say that a page of ours sent it.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from parlor.accounts.errors import CrossOrigin
from parlor.accounts.settings import AuthSettings
from parlor.accounts.sign_ins import Session
from parlor.core.web.settings import ServerSettings

ACCESS, REFRESH = "parlor_access", "parlor_refresh"
_PATHS = ("/api/v1/auth", "/auth")
"""Where refresh tokens are used: at the routes, and at their alias. Nothing else ever gets to see them."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SessionCookies:
    def __init__(self, server: ServerSettings, settings: AuthSettings) -> None:
        public = urlsplit(server.base_url())
        self._is_https = public.scheme == "https"
        self._paths = [public.path.rstrip("/") + path for path in (_PATHS if server.aliases else _PATHS[:1])]
        self._refresh_seconds = settings.refresh_token_seconds
        credentialed = server.cors_origins if server.cors_credentials else ()
        self._origins = {each.rstrip("/").lower() for each in (*credentialed, *([f"{public.scheme}://{public.netloc}"] if server.public_url else ()))}

    def give(self, request: Request, response: Response, session: Session) -> None:
        """Set both on the answer. They replace those of an earlier sign-in."""
        self._set(request, response, session.access_token, session.expires_in_seconds, session.refresh_token, self._refresh_seconds)

    def take(self, request: Request, response: Response) -> None:
        """Have the browser forget them."""
        self._set(request, response, "", 0, "", 0)

    def access_token_of(self, request: Request) -> str | None:
        return _only(request, self._names(request)[0])

    def refresh_token_of(self, request: Request) -> str | None:
        return _only(request, self._names(request)[1])

    def require_own_origin(self, request: Request) -> None:
        """Raises `CrossOrigin` for a request that changes something, unless a page of this server or of an origin that may send cookies sent it."""
        if request.method in _SAFE_METHODS:
            return
        origin, site = request.headers.get("origin", "").lower(), request.headers.get("sec-fetch-site")
        if origin in self._origins:
            return
        if site not in (None, "same-origin") or origin != f"{request.url.scheme}://{request.headers.get('host', '')}".lower():
            raise CrossOrigin

    def _names(self, request: Request) -> tuple[str, str]:
        """With prefixes that make a browser refuse such a cookie from anything but this host over TLS."""
        return (f"__Host-{ACCESS}", f"__Secure-{REFRESH}") if self._is_secure(request) else (ACCESS, REFRESH)

    def _is_secure(self, request: Request) -> bool:
        return self._is_https or request.url.scheme == "https"

    def _set(self, request: Request, response: Response, access: str, access_seconds: int, refresh: str, refresh_seconds: int) -> None:
        (access_name, refresh_name), is_secure = self._names(request), self._is_secure(request)
        response.set_cookie(access_name, access, max_age=access_seconds, path="/", secure=is_secure, httponly=True, samesite="lax")
        for path in self._paths:
            response.set_cookie(refresh_name, refresh, max_age=refresh_seconds, path=path, secure=is_secure, httponly=True, samesite="lax")


def _only(request: Request, name: str) -> str | None:
    """None also for two of that name: one of them was planted, and nobody can say which."""
    values = [value for key, value in _cookies(request) if key == name]
    return values[0] or None if len(values) == 1 else None


def _cookies(request: Request) -> Iterator[tuple[str, str]]:
    for header, value in request.scope["headers"]:
        if header == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                name, _, text = pair.partition("=")
                yield name.strip(), text.strip()
