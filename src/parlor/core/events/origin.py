"""Who is behind what happens now: the edge (HTTP, command line, a job) says it once, events carry it."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec
import structlog
from msgspec.structs import replace


class Origin(msgspec.Struct, frozen=True):
    """`actor` is "user:<id>", "api_key:<id>", "command" or a job's name; `address` and `user_agent` are the client's; all None where nobody said."""

    actor: str | None = None
    address: str | None = None
    request_id: str | None = None
    user_agent: str | None = None


_origin: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039  # frozen


def current_origin() -> Origin:
    """Where nobody gave another, the request id and the signed-in account are those of the log lines."""
    origin = _origin.get()
    if origin.request_id is not None and origin.actor is not None:
        return origin
    logged = structlog.contextvars.get_contextvars()
    actor, account_id = origin.actor, logged.get("account_id")
    if actor is None and account_id:
        key_id = logged.get("api_key_id")
        actor = f"api_key:{key_id}" if key_id else f"user:{account_id}"
    return Origin(actor, origin.address, origin.request_id or logged.get("request_id"), origin.user_agent)


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
    before = _origin.get()
    token = _origin.set(
        Origin(
            before.actor if actor is None else actor,
            before.address if address is None else address,
            before.request_id if request_id is None else request_id,
            before.user_agent if user_agent is None else user_agent,
        )
    )
    try:
        yield
    finally:
        _origin.reset(token)
