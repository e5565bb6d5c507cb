"""/auth/google: signing in with Google, by an app's ID token or through the browser."""

from typing import Annotated, Any

from dishka.integrations.fastapi import FromDishka
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from parlor.accounts.errors import (
    AccountSuspended,
    GoogleOff,
    InvalidIdToken,
    InvalidSignInFlow,
    LinkRefused,
    ProviderUnavailable,
    SignInRefused,
    UnsafeNext,
)
from parlor.accounts.google import FLOW_SECONDS, MAX_NEXT, ComeBack, GoogleSignIn
from parlor.accounts.schemas import IdTokenUse, SessionRead, SignedInRead
from parlor.accounts.session_reply import CookiesDep, HandingDep
from parlor.core.errors import ParlorError
from parlor.core.web.problems import documents
from parlor.core.web.routing import PUBLIC, Router
from parlor.core.web.settings import ServerSettings

_MAX_PARAMETER = 4096
_COOKIE = "parlor_sign_in"
_REFUSALS = (GoogleOff, InvalidIdToken, AccountSuspended, LinkRefused, ProviderUnavailable)
_COMING_BACK = (InvalidSignInFlow, SignInRefused, *_REFUSALS)
_Parameter = Annotated[str | None, Query(max_length=_MAX_PARAMETER)]


def google_router() -> APIRouter:
    router = Router(prefix="/auth/google", tags=["accounts"])

    @router.post("", openapi_extra=PUBLIC, responses=documents(*_REFUSALS))
    async def sign_in_with_google(body: IdTokenUse, google: FromDishka[GoogleSignIn], hand: HandingDep) -> SessionRead | SignedInRead:
        """Sign in with an ID token that Google gave to the app. The first time makes an account, with its wallet and the bonus."""
        return hand(await google.with_id_token(body.id_token.get_secret_value()))

    @router.get(
        "/start", status_code=302, response_class=RedirectResponse, openapi_extra=PUBLIC, responses=documents(GoogleOff, UnsafeNext, ProviderUnavailable)
    )
    async def begin_google_sign_in(
        request: Request,
        google: FromDishka[GoogleSignIn],
        server: FromDishka[ServerSettings],
        next: Annotated[str, Query(max_length=MAX_NEXT, description="Where the browser goes in the end: a path of this server.")] = "/",
    ) -> Response:
        """Send the browser to Google. It comes back to /auth/google/callback."""
        name, is_secure = _cookie(server)
        begun = await google.begin(next, request.cookies.get(name))
        response = RedirectResponse(begun.url, 302)
        response.set_cookie(name, begun.browser, max_age=FLOW_SECONDS, path="/", secure=is_secure, httponly=True, samesite="lax")
        return response

    @router.get(
        "/callback",
        openapi_extra=PUBLIC,
        response_model=SessionRead,
        responses={302: {"description": "A browser, signed in by cookies, goes on to where it was asked to."}, **documents(*_COMING_BACK)},
    )
    async def finish_google_sign_in(
        request: Request,
        google: FromDishka[GoogleSignIn],
        server: FromDishka[ServerSettings],
        cookies: CookiesDep,
        state: _Parameter = None,
        code: _Parameter = None,
        error: _Parameter = None,
        iss: _Parameter = None,
    ) -> Any:
        """Where Google sends the browser back to. Works once, and only in the browser that began.

        Who asks for application/json gets the tokens as from a login. Others are sent on, with `?sign_in_error=<code>` when nobody was signed in.
        """
        name, _ = _cookie(server)
        flow = await google.take(state or "", request.cookies.get(name))
        wants_json = "application/json" in request.headers.get("accept", "")
        try:
            session = await google.finish(flow, ComeBack(code, error, iss))
        except ParlorError as refusal:
            if wants_json:
                raise
            return RedirectResponse(_with_error(flow.next_path, refusal.code), 302)
        if wants_json:
            return SessionRead.of(session)
        response = RedirectResponse(flow.next_path, 302)
        cookies.give(request, response, session)
        return response

    return router


def _with_error(path: str, code: str) -> str:
    """Before the fragment, where the page's server sees it too."""
    path, mark, fragment = path.partition("#")
    return f"{path}{'&' if '?' in path else '?'}sign_in_error={code}{mark}{fragment}"


def _cookie(server: ServerSettings) -> tuple[str, bool]:
    """Its name, and whether it is Secure. With TLS the prefix keeps neighbours under the same domain from planting one."""
    is_secure = server.base_url().startswith("https://")
    return (f"__Host-{_COOKIE}" if is_secure else _COOKIE), is_secure
