"""How the tokens of a session travel: in bodies, or in cookies for pages in a browser."""

from collections.abc import Callable
from typing import Annotated, cast

import msgspec
from dishka import AsyncContainer
from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from parlor.accounts.schemas import RefreshTokenUse, SessionRead, SignedInRead, UserRead
from parlor.accounts.session_cookies import SessionCookies
from parlor.accounts.sign_ins import Session
from parlor.accounts.text import at
from parlor.core.errors import Invalid

AsCookie = Annotated[bool, Query(description="Set the tokens as HttpOnly cookies instead of showing them; the reply is `{user}`. For pages in a browser.")]
Handing = Callable[[Session], SessionRead | SignedInRead]

_NO_BODY = RefreshTokenUse()


async def cookies_of(request: Request) -> SessionCookies:
    container = cast("AsyncContainer", request.app.state.dishka_container)
    return await container.get(SessionCookies)


async def _handing(request: Request, response: Response, cookie: AsCookie = False) -> Handing:
    """By `?cookie=true`."""
    cookies = await cookies_of(request)
    return lambda session: hand_over(cookies, request, response, session, as_cookies=cookie)


def hand_over(cookies: SessionCookies, request: Request, response: Response, session: Session, *, as_cookies: bool) -> SessionRead | SignedInRead:
    if not as_cookies:
        return SessionRead.of(session)
    cookies.give(request, response, session)
    return SignedInRead(user=UserRead.of(session.account))


class Presented(msgspec.Struct, frozen=True):
    """A refresh token as it came; empty when the cookie is missing, which is the same as an unknown one."""

    text: str
    is_cookie: bool


async def _presented(
    request: Request, cookies: Annotated[SessionCookies, Depends(cookies_of)], body: RefreshTokenUse = _NO_BODY, cookie: AsCookie = False
) -> Presented:
    """Of the body, else of the cookie. Raises `Invalid` without either, and `CrossOrigin` for a cookie that no page of ours sent."""
    if body.refresh_token is not None:
        return Presented(body.refresh_token.get_secret_value(), is_cookie=False)
    text = cookies.refresh_token_of(request)
    if text is None and not cookie:
        message = "Send refresh_token in the body, or ask with ?cookie=true and the cookie."
        raise Invalid(message, **at("refresh_token", message, "missing"))
    cookies.require_own_origin(request)
    return Presented(text or "", is_cookie=True)


PresentedDep = Annotated[Presented, Depends(_presented)]
CookiesDep = Annotated[SessionCookies, Depends(cookies_of)]
HandingDep = Annotated[Handing, Depends(_handing)]
