"""Questions of tools, put to whoever sits at the terminal, and what happens where nobody does."""

import io
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from rich.console import Console

from parlor.chat.cli import _piped
from parlor.chat.conversation import Conversation, in_process, with_server
from parlor.chat.terminal_answers import answered
from parlor.llm import Finished, ToolCallDelta
from parlor.testing import ScriptedModel, says
from parlor.tools import Asked, ExecutionContext, InputRequired
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

CHOICE: dict[str, Any] = {"agent": None, "model": None, "session": None}
pytestmark = pytest.mark.either_engine


class Shop:
    """Orders what a form says."""

    name = "shop_order"
    description = "Orders shirts."
    parameters: Mapping[str, Any] = {"type": "object"}
    schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {"size": {"type": "string", "title": "Size", "enum": ["S", "M"]}, "count": {"type": "integer"}, "note": {"type": "string"}},
        "required": ["size"],
    }

    def __init__(self) -> None:
        self.orders: list[Any] = []

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        if (given := context.answers.get("size")) is None:
            raise InputRequired(Asked("form", "Which size?", "size", schema=self.schema))
        self.orders.append(given.form)
        return {"ordered": given.is_accepted}


def _typing(*lines: str | None) -> Callable[..., Any]:
    """What the person types, one line for each prompt; None is the end of the input."""
    left = list(lines)

    async def ask(read: Callable[[str], str], prompt: str) -> str | None:
        return left.pop(0)

    return ask


async def _talk(conversation: Conversation, *lines: str | None) -> tuple[str, str]:
    """What was said, and what stood in the terminal."""
    shown, said = io.StringIO(), ""
    console, ask = Console(file=shown, force_terminal=False, width=200), _typing(*lines)
    async for piece in conversation.ask("Go on"):
        if piece.question is not None:
            await answered(conversation, piece.question, console, ask)
        elif piece.kind == "text":
            said += piece.text
    return said, shown.getvalue()


@pytest.fixture(params=["in process", "with a server"])
def begun(request: pytest.FixtureRequest) -> Callable[[ServedHouse], Any]:
    async def begin(house: ServedHouse) -> Conversation:
        if request.param == "in process":
            return await in_process(house.container, **CHOICE)
        person = await house.person()
        token = person.client.headers["Authorization"].removeprefix("Bearer ")
        return await with_server(house.container, house.base_url, token, **CHOICE)

    return begin


def _calls(name: str, arguments: str = "{}") -> list[Any]:
    return [ToolCallDelta(0, "call_0", name, arguments), Finished("tool_calls")]


ASK = {"tools.policy": {"calc*": "ask"}}


@pytest.mark.parametrize(
    ("line", "expected"), [("yes", '{"expression":"1+1","value":2}'), ("no", "error: the user refused this call"), (None, "error: the user refused this call")]
)
async def test_a_person_decides_about_a_call(open_served: OpenServed, begun: Callable[[ServedHouse], Any], line: str | None, expected: str) -> None:
    model = ScriptedModel(_calls("calculator", '{"expression": "1+1"}'), says("Done."))
    house = await open_served(model, settings=ASK)
    said, shown = await _talk(await begun(house), line)
    assert said == "Done."
    assert 'calculator {"expression": "1+1"}' in shown
    assert model.requests[1].messages[-1].text == expected


async def test_a_form_is_filled_in_line_by_line_until_it_fits(open_served: OpenServed, begun: Callable[[ServedHouse], Any]) -> None:
    shop = Shop()
    house = await open_served(ScriptedModel(_calls("shop_order"), says("Ordered.")), tools=[shop])
    said, shown = await _talk(await begun(house), "XL", "many", "", "M", "2", "soon")
    assert (said, shop.orders) == ("Ordered.", [{"size": "M", "count": 2, "note": "soon"}])
    assert "Which size?" in shown
    assert "is not one of ['S', 'M']" in shown


async def test_the_end_of_the_input_in_a_form_is_a_no(open_served: OpenServed, begun: Callable[[ServedHouse], Any]) -> None:
    shop = Shop()
    house = await open_served(ScriptedModel(_calls("shop_order"), says("Pity.")), tools=[shop])
    said, _ = await _talk(await begun(house), "S", None)
    assert (said, shop.orders) == ("Pity.", [None])


async def test_piped_questions_have_nobody_to_ask(open_served: OpenServed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    model = ScriptedModel(_calls("calculator", '{"expression": "1+1"}'), says("Then not."))
    house = await open_served(model, settings=ASK)
    monkeypatch.setattr(sys, "stdin", io.StringIO("What is 1+1?\n"))
    await _piped(await in_process(house.container, **CHOICE))
    printed = capsys.readouterr()
    assert printed.out == "Then not.\n"
    assert "nobody to ask" in printed.err


async def test_whoever_leaves_with_a_question_open_leaves_nothing_running(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(_calls("calculator", '{"expression": "1+1"}')), settings=ASK)
    conversation = await in_process(house.container, **CHOICE)
    pieces = conversation.ask("What is 1+1?")
    turn_id = ""
    async for piece in pieces:
        if piece.question is not None:
            turn_id = piece.question["turn_id"]
            break
    await pieces.aclose()  # type: ignore[attr-defined]
    from uuid import UUID

    from parlor.turns import TurnReader

    account_id = conversation._account_id  # the operator has no other way to be asked for
    assert (await (await house.get(TurnReader)).get(UUID(turn_id), account_id)).state == "stopped"
