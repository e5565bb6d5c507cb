from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from parlor.core.web.pages import BadCursor, PageQuery, cut_page, decode_cursor, encode_cursor

Key = tuple[datetime, UUID]
KEY: Key = (datetime(2026, 5, 4, 3, 2, 1, 999, UTC), uuid4())


def test_a_cursor_gives_back_its_key() -> None:
    cursor = encode_cursor("wallet.entries", KEY)
    assert decode_cursor(cursor, "wallet.entries", Key) == KEY
    assert PageQuery(cursor=cursor).after("wallet.entries", Key) == KEY
    assert PageQuery().after("wallet.entries", Key) is None
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("text", ["", "x", "!!!", "é", "AAAA", "a" * 1000, "../../etc/passwd", "' OR 1=1", "\x00", "AAAAAAAAAAAA"])
def test_a_forged_cursor_is_refused(text: str) -> None:
    """BAD-26"""
    with pytest.raises(BadCursor):
        decode_cursor(text, "wallet.entries", Key)


def test_a_cursor_of_another_list_or_owner_is_refused() -> None:
    """BAD-26"""
    cursor = encode_cursor(f"entries:{uuid4()}", KEY)
    with pytest.raises(BadCursor):
        decode_cursor(cursor, f"entries:{uuid4()}", Key)


def test_a_changed_cursor_is_refused() -> None:
    cursor = encode_cursor("entries", KEY)
    for at in range(len(cursor) - 1):
        changed = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        with pytest.raises(BadCursor):
            decode_cursor(changed, "entries", Key)


def test_a_cursor_of_another_shape_is_refused() -> None:
    with pytest.raises(BadCursor):
        decode_cursor(encode_cursor("entries", ["text", 1]), "entries", Key)


def test_a_page_is_cut_where_one_more_row_was_found() -> None:
    assert PageQuery(limit=2).fetch == 3
    assert cut_page([1, 2], 2, "n", int) == ([1, 2], None)
    items, cursor = cut_page([1, 2, 3], 2, "n", int)
    assert items == [1, 2]
    assert cursor is not None
    assert decode_cursor(cursor, "n", int) == 2


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=201", "limit=1e9", "limit=10abc", "limit=1000000000", "cursor=" + "x" * 2000])
async def test_limits_and_cursors_out_of_range_are_422(query: str) -> None:
    """BAD-25"""
    from io import BytesIO

    from parlor.core.log import LogSettings, configure_logging
    from parlor.core.web import Page, PageDep, Router, ServerSettings
    from parlor.core.web.gate import Gate
    from parlor.core.web.problems import add_handlers
    from parlor.core.web.routing import HouseRouter
    from tests.core.web.conftest import Site, Stage, serve

    configure_logging(LogSettings(), "production", BytesIO())
    app, router = FastAPI(), Router()
    add_handlers(app)
    app.add_middleware(Gate, settings=ServerSettings())

    @router.get("/numbers")
    async def list_numbers(page: PageDep) -> Page[int]:
        return Page(items=[page.limit])

    HouseRouter.of(app).adopt(router, "")
    async with serve(app, ServerSettings()) as port:
        site = Site(port, Stage())
        assert (await site.get(f"/numbers?{query}")).status == 422
        assert (await site.get("/numbers")).json == {"items": [50], "next_cursor": None}
