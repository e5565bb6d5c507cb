"""Turns over HTTP."""

from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Header, Query
from starlette.responses import Response

from parlor.accounts import ChatDep, ChatReadDep, OpenStreams
from parlor.core.errors import NotAcceptable
from parlor.core.web import EventStream, Router, documents, refuse_unless_accepted
from parlor.turns.errors import NoSuchTurn
from parlor.turns.reading import BadCursor, TurnReader
from parlor.turns.schemas import TurnRead

router = Router(tags=["turns"])

MOST_DIGITS = 18
"""Of an event's number: beyond it, it would not be one of ours."""


@router.get("/turns/{turn_id}", responses=documents(NoSuchTurn))
async def read_turn(turn_id: UUID, caller: ChatReadDep, turns: FromDishka[TurnReader]) -> TurnRead:
    return await turns.read(turn_id, caller.account_id)


@router.get("/turns/{turn_id}/events", response_class=EventStream, responses=documents(NoSuchTurn, BadCursor, NotAcceptable))
async def follow_turn(
    turn_id: UUID,
    caller: ChatReadDep,
    turns: FromDishka[TurnReader],
    streams: FromDishka[OpenStreams],
    last_event_id: Annotated[str | None, Header()] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    after: Annotated[str | None, Query(description="The same as Last-Event-ID, for clients that cannot set headers.")] = None,
) -> Response:
    """The turn's events as server-sent events: a replay of those after the number given, then live, until the terminal one.

    It ends earlier when the reader loses the right to it.
    """
    refuse_unless_accepted(accept)
    return EventStream(await turns.follow(turn_id, caller.account_id, event_number(last_event_id or after)), held=streams.of(caller))


@router.post("/turns/{turn_id}/stop", responses=documents(NoSuchTurn))
async def stop_turn(turn_id: UUID, caller: ChatDep, turns: FromDishka[TurnReader]) -> TurnRead:
    """Stops the answer and keeps what was said. Stopping twice, or a turn that is over, changes nothing."""
    await turns.stop(turn_id, caller.account_id)
    return await turns.read(turn_id, caller.account_id)


def event_number(text: str | None) -> int:
    """0 for none. Raises BadCursor for what is not a number of ours."""
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()) or len(text) > MOST_DIGITS:
        raise BadCursor()
    return int(text)
