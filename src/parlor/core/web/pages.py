"""Lists in pages: `?limit=&cursor=` in, `{items, next_cursor}` out.

A cursor is the sort key of the last row that was shown, bound to the list (and its owner) that it came from. It grants nothing: every query is scoped to its
caller. The check value only tells a cursor of this list from any other text, so that a forged one is a clear error.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Depends, Query

from parlor.core.errors import BadRequest
from parlor.core.web.schemas import Reply

T = TypeVar("T")
K = TypeVar("K")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_CHECK_BYTES = 8
_MAX_CURSOR = 1024


class BadCursor(BadRequest):
    code = "request.bad_cursor"
    detail = "This cursor is not one of this list: start without a cursor."


class Page(Reply, Generic[T]):
    """One page of a list. `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None = None


class PageQuery(msgspec.Struct, frozen=True):
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than the page, which says whether there is another."""
        return self.limit + 1

    def after(self, scope: str, key: type[K]) -> K | None:
        """The sort key to continue behind, None on the first page. `key` is its type, e.g. `tuple[datetime, UUID]`. Raises `BadCursor`."""
        return None if self.cursor is None else decode_cursor(self.cursor, scope, key)


async def _page_query(  # no thread is needed for it, and FastAPI takes one for what is not a coroutine
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=_MAX_CURSOR, description="`next_cursor` of the page before.")] = None,
) -> PageQuery:
    return PageQuery(limit, cursor)


PageDep = Annotated[PageQuery, Depends(_page_query)]


def cut_page(rows: Sequence[T], limit: int, scope: str, key: Callable[[T], Any]) -> tuple[list[T], str | None]:
    """Of `limit + 1` rows that were read: those of this page, and the cursor of the next. `key` gives a row's sort key."""
    if len(rows) <= limit:
        return list(rows), None
    page = list(rows[:limit])
    return page, encode_cursor(scope, key(page[-1]))


def encode_cursor(scope: str, key: Any) -> str:
    """`scope` names the list and, where it has one, its owner: `wallet.entries:<account id>`. `key` is anything that msgspec encodes."""
    payload = msgspec.msgpack.encode(key)
    return urlsafe_b64encode(_check(scope, payload) + payload).rstrip(b"=").decode()


def decode_cursor(cursor: str, scope: str, key: type[K]) -> K:
    """The key that `encode_cursor` was given with the same scope. Raises `BadCursor`."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        payload = raw[_CHECK_BYTES:]
        if raw[:_CHECK_BYTES] != _check(scope, payload):
            raise BadCursor
        return msgspec.msgpack.decode(payload, type=key)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise BadCursor from error


def _check(scope: str, payload: bytes) -> bytes:
    return blake2b(scope.encode() + b"\0" + payload, digest_size=_CHECK_BYTES, person=b"parlor-cursor").digest()
