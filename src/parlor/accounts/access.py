"""Who is asking, as a parameter of a route, and with it what an API key needs to be let in.

`read` opens what only shows one's own things, `chat` all of sessions, messages and turns, `wallet` all of the wallet, `admin` what administrators do. Where
two are named either is enough: `caller: ChatReadDep`. A route that names none, `caller: CallerDep`, is closed to API keys. OpenAPI says it of each route.
"""

from typing import Annotated, cast

import structlog
from dishka import AsyncContainer
from fastapi import Security
from fastapi.security import SecurityScopes
from msgspec.structs import replace
from starlette.requests import Request

from parlor.accounts.api_keys import PREFIX as API_KEY_PREFIX
from parlor.accounts.authenticator import Authenticator
from parlor.accounts.caller import Caller
from parlor.accounts.errors import InvalidToken, NotYourUser
from parlor.accounts.mock import MockKind, account_id_of, user_id_of
from parlor.accounts.session_cookies import SessionCookies
from parlor.core.errors import Unauthenticated

_CREDENTIAL_HEADERS = frozenset({b"authorization", b"x-api-key"})


def bearer_of(request: Request) -> str | None:
    """The credential of the Authorization header, or of X-API-Key, which takes API keys alone; None without one.

    Raises `Unauthenticated` for two of them or another scheme. Tokens in the address are never looked at: addresses are logged.
    """
    sent = [(name, value.decode("latin-1").strip()) for name, value in request.scope["headers"] if name in _CREDENTIAL_HEADERS]
    if not sent:
        return None
    name, value = sent[0]
    scheme, _, credential = value.partition(" ") if name == b"authorization" else ("bearer", "", value if value.startswith(API_KEY_PREFIX) else "")
    if len(sent) > 1 or scheme.lower() != "bearer" or not credential.strip():
        raise Unauthenticated("Send one header, Authorization: Bearer <access token or API key>, or X-API-Key: <API key>.")
    return credential.strip()


async def _caller(request: Request, needed: SecurityScopes) -> Caller:
    caller = await _resolve(request)
    caller.require(*needed.scopes)
    return caller


async def _acting(request: Request, needed: SecurityScopes) -> Caller:
    caller = await _caller(request, needed)
    name = user_id_of(request)
    if name is None or caller.credential == "mock" or name.lower() == str(caller.account_id):
        return caller
    if not caller.is_admin:
        raise NotYourUser
    authenticator = await cast("AsyncContainer", request.app.state.dishka_container).get(Authenticator)
    return await authenticator.stand_in(caller, account_id_of(name))


async def _admin(request: Request) -> Caller:
    caller = await _resolve(request)
    caller.require_admin()
    return caller


async def _resolve(request: Request) -> Caller:
    container = cast("AsyncContainer", request.app.state.dishka_container)
    authenticator = await container.get(Authenticator)
    bearer = bearer_of(request)
    caller = await authenticator.resolve(bearer) if bearer is not None else await _resolve_cookie(request, container, authenticator)
    structlog.contextvars.bind_contextvars(account_id=str(caller.account_id))
    if caller.api_key_id is not None:
        structlog.contextvars.bind_contextvars(api_key_id=str(caller.api_key_id))
    return caller


async def _resolve_cookie(request: Request, container: AsyncContainer, authenticator: Authenticator) -> Caller:
    """Only where there is no other credential: a bad one is not made good by a cookie."""
    cookies = await container.get(SessionCookies)
    token = cookies.access_token_of(request)
    if token is None and (named := (await container.get(MockKind)).credential_of(request)) is not None:
        return await authenticator.resolve(named)
    caller = await authenticator.resolve(token)
    if caller.credential != "access_token":
        raise InvalidToken
    cookies.require_own_origin(request)
    return replace(caller, credential="cookie")


CallerDep = Annotated[Caller, Security(_caller)]
"""A person who signed in. API keys are refused: what opens a route to them is said by one of the others."""
ReadDep = Annotated[Caller, Security(_caller, scopes=["read"])]
ChatDep = Annotated[Caller, Security(_caller, scopes=["chat"])]
ChatReadDep = Annotated[Caller, Security(_caller, scopes=["chat", "read"])]
WalletDep = Annotated[Caller, Security(_caller, scopes=["wallet"])]
WalletReadDep = Annotated[Caller, Security(_caller, scopes=["wallet", "read"])]
ActingDep = Annotated[Caller, Security(_acting, scopes=["chat"])]
"""Whom a request is for that may carry `user_id`: oneself, or for administrators the account that it names."""
AdminDep = Annotated[Caller, Security(_admin, scopes=["admin"])]
ManageDep = Annotated[Caller, Security(_caller, scopes=["admin"])]
"""For what people have of their own, and administrators for all: of API keys only those with the scope admin."""
