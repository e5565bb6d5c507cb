"""`parlor chat`, with a server and without one: the same pieces."""

import io
import sys
from typing import Any

import pytest

from bench.fake_model import FakeToolCall, Script
from parlor.chat.cli import _piped
from parlor.chat.conversation import Conversation, Piece, Refused, in_process, pieces_of, with_server
from parlor.chat.errors import NoSuchSession
from parlor.core.errors import Unauthenticated
from parlor.wallet import WalletService
from tests.support.chat import Person
from tests.support.house import ServedHouse

CHOICE: dict[str, Any] = {"agent": None, "model": None, "session": None}


async def said(conversation: Conversation, question: str) -> list[Piece]:
    return [piece async for piece in conversation.ask(question)]


def token_of(person: Person) -> str:
    return person.client.headers["Authorization"].removeprefix("Bearer ")


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if piece.kind == "text")


@pytest.fixture(params=["in process", "with a server"])
async def conversation(request: pytest.FixtureRequest, house: ServedHouse) -> Conversation:
    if request.param == "in process":
        return await in_process(house.container, **CHOICE)
    person = await house.person()
    return await with_server(house.container, house.base_url + "/", token_of(person), **CHOICE)


async def test_a_conversation_answers_and_remembers(conversation: Conversation, house: ServedHouse) -> None:
    house.fake.next(Script(texts=("Hello ", "there")), Script(texts=("Again",)))
    assert text_of(await said(conversation, "Hi")) == "Hello there"
    assert text_of(await said(conversation, "And now?")) == "Again"
    shown = house.fake.requests[-1].body["messages"]
    assert [message["content"] for message in shown[1:]] == ["Hi", "Hello there", "And now?"]


async def test_what_tools_did_and_what_went_wrong_are_pieces_of_their_own(conversation: Conversation, house: ServedHouse) -> None:
    house.fake.next(Script(tool_calls=(FakeToolCall(name="calculator", arguments='{"expression": "2+3"}'),)), Script(status=400))
    kinds = [(piece.kind, piece.text) for piece in await said(conversation, "2+3?")]
    assert ("tool", 'calculator {"expression":"2+3"}') in kinds
    assert ("tool", '-> {"expression":"2+3","value":5}') in kinds
    assert kinds[-1][0] == "problem"


async def test_nothing_is_charged_in_process(house: ServedHouse) -> None:
    conversation = await in_process(house.container, **CHOICE)
    await said(conversation, "Hi")
    account_id = conversation._account_id  # the operator has no other way to be asked for
    wallet = await (await house.get(WalletService)).read(account_id)
    assert (wallet.held_micros, await (await house.get(WalletService)).list_entries(account_id)) == (0, []) or wallet.available_micros == 5_000_000


async def test_a_session_can_be_gone_on_with(house: ServedHouse) -> None:
    first = await in_process(house.container, **CHOICE)
    await said(first, "Remember me")
    second = await in_process(house.container, **{**CHOICE, "session": str(first.session_id)})
    await said(second, "Do you?")
    assert second.session_id == first.session_id
    assert "Remember me" in str(house.fake.requests[-1].body["messages"])


@pytest.mark.parametrize("session", ["not an id", "01900000-0000-7000-8000-000000000001"])
async def test_a_session_that_is_not_there_is_told(house: ServedHouse, session: str) -> None:
    with pytest.raises(NoSuchSession):
        await in_process(house.container, **{**CHOICE, "session": session})


async def test_a_server_that_says_no_is_quoted(house: ServedHouse) -> None:
    with pytest.raises(Unauthenticated, match="PARLOR_TOKEN"):
        await with_server(house.container, house.base_url, "", **CHOICE)
    with pytest.raises(Refused, match="The server refused"):
        await with_server(house.container, house.base_url, "nonsense", **CHOICE)
    person = await house.person()
    conversation = await with_server(house.container, house.base_url, token_of(person), **CHOICE)
    with pytest.raises(Refused, match="empty"):
        await said(conversation, " ")


async def test_leaving_in_the_middle_stops_the_turn(house: ServedHouse) -> None:
    conversation = await in_process(house.container, **{**CHOICE, "model": "main/endless"})
    pieces = conversation.ask("Talk for ever")
    async for piece in pieces:
        if piece.kind == "text":
            break
    await pieces.aclose()  # type: ignore[attr-defined]  # an async generator
    await house.fake.requests[-1].closed.wait()


async def test_piped_questions_are_answered_line_by_line(house: ServedHouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    house.fake.next(Script(texts=("One",)), Script(texts=("Two",)))
    monkeypatch.setattr(sys, "stdin", io.StringIO("first\n\nsecond\n"))
    await _piped(await in_process(house.container, **CHOICE))
    assert capsys.readouterr().out == "One\nTwo\n"


def test_pieces_are_what_a_person_wants_to_see() -> None:
    frames = (
        b'id: 1\nevent: turn.started\ndata: {"type":"turn.started"}\n\nid: 2\nevent: reasoning.delta\ndata: {"type":"reasoning.delta","text":"hm"}\n\n: c\n\n'
    )
    assert pieces_of(frames) == [Piece("reasoning", "hm")]
    assert pieces_of(b"") == []
