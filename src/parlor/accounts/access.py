"""Who is asking, as a parameter of a route: `caller: CallerDep`, or `caller: AdminDep` for administrators."""

from typing import Annotated, cast

import structlog
from dishka import AsyncContainer
from fastapi import Depends
from starlette.requests import Request

from parlor.accounts.authenticator import Authenticator
from parlor.accounts.caller import Caller
from parlor.core.errors import Unauthenticated


def bearer_of(request: Request) -> str | None:
    """The credential of the Authorization header, None without one. Raises `Unauthenticated` for two headers or another scheme.

    Tokens in the address are never looked at: addresses are logged.
    """
    values = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if not values:
        return None
    scheme, _, credential = values[0].decode("latin-1").partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer" or not credential.strip():
        raise Unauthenticated("Send one header: Authorization: Bearer <access token>.")
    return credential.strip()


async def _caller(request: Request) -> Caller:
    container = cast("AsyncContainer", request.app.state.dishka_container)
    authenticator = await container.get(Authenticator)
    caller = await authenticator.resolve(bearer_of(request))
    structlog.contextvars.bind_contextvars(account_id=str(caller.account_id))
    return caller


async def _admin(request: Request) -> Caller:
    caller = await _caller(request)
    caller.require_admin()
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
AdminDep = Annotated[Caller, Depends(_admin)]
