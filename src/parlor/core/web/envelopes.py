"""How errors look to clients of somebody else's protocol: decided by where its addresses begin, before anything of the request is looked at."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec
from pydantic import BaseModel

MEDIA_TYPE = "application/json"


class Refused(msgspec.Struct, frozen=True):
    """What a request is answered with instead of what it asked for. `facts` are those of a problem."""

    status: int
    code: str
    detail: str
    facts: Mapping[str, Any]


class Envelope(msgspec.Struct, frozen=True):
    """Holds for `beginning` (/v1) and all addresses below, unknown ones too. `put` gives the body, and headers beside those that a problem has."""

    beginning: str
    schema: type[BaseModel]
    put: Callable[[Refused], tuple[Mapping[str, Any], Mapping[str, str]]]

    def covers(self, path: str) -> bool:
        return path.startswith(self.beginning) and path[len(self.beginning) : len(self.beginning) + 1] in ("", "/")


_current: ContextVar[Envelope | None] = ContextVar("error_envelope", default=None)


def current() -> Envelope | None:
    """Of the request that is being answered here."""
    return _current.get()


def envelope_of(path: str, envelopes: Sequence[Envelope]) -> Envelope | None:
    return next((each for each in envelopes if each.covers(path)), None)


@contextmanager
def within(envelope: Envelope) -> Generator[None]:
    token = _current.set(envelope)
    try:
        yield
    finally:
        _current.reset(token)
