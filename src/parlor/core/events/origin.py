"""Who is behind what happens now: the edge (HTTP, command line, a job) says it once, events carry it."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import structlog


@dataclass(frozen=True)
class Origin:
    """`actor` is "user:<id>", "api_key:<id>", "command" or a job's name; `address` and `user_agent` are the client's; all None where nobody said."""

    actor: str | None = None
    address: str | None = None
    request_id: str | None = None
    user_agent: str | None = None


_origin: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039  # frozen


def current_origin() -> Origin:
    """Where nobody gave another, the request id and the signed-in account are those of the log lines."""
    origin, logged = _origin.get(), structlog.contextvars.get_contextvars()
    if origin.request_id is None and (request_id := logged.get("request_id")):
        origin = replace(origin, request_id=request_id)
    if origin.actor is None and (account_id := logged.get("account_id")):
        key_id = logged.get("api_key_id")
        origin = replace(origin, actor=f"api_key:{key_id}" if key_id else f"user:{account_id}")
    return origin


@contextmanager
def without_address() -> Generator[None]:
    """Within the block nobody learns where from and with what program it was done."""
    token = _origin.set(replace(_origin.get(), address=None, user_agent=None))
    try:
        yield
    finally:
        _origin.reset(token)


@contextmanager
def acting_as(*, actor: str | None = None, address: str | None = None, request_id: str | None = None, user_agent: str | None = None) -> Generator[None]:
    """Within the block what is given counts; what is not given stays as it was."""
    named = (("actor", actor), ("address", address), ("request_id", request_id), ("user_agent", user_agent))
    given = {name: value for name, value in named if value is not None}
    token = _origin.set(replace(_origin.get(), **given))
    try:
        yield
    finally:
        _origin.reset(token)
