"""What servers ask of people, in both eras: pause, ask, run again."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.pool import McpConnections
from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import Answered, Asked, ExecutionContext, InputRequired, ToolCaller
from tests.support.mcp.servers import raw
from tests.tools.mcp.connections.conftest import Call

ERAS = pytest.mark.parametrize("era", ["modern", "legacy"])
NAME = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "default": 7}}, "required": ["name"]}


def form(message: str = "Who are you?", schema: Mapping[str, Any] = NAME) -> dict[str, Any]:
    return {"mode": "form", "message": message, "requestedSchema": schema}


def page(url: str, message: str = "Sign in there.") -> dict[str, Any]:
    return {"mode": "url", "message": message, "url": url, "elicitationId": "e1"}


async def asks(pool: McpConnections, spec: ServerSpec, questions: list[Any], answers: Mapping[str, Answered], caller: ToolCaller) -> Any:
    """What the server was told, or the question that is left."""
    try:
        return json.loads((await pool.call(spec, "ask", {"questions": questions}, ExecutionContext(caller, "c1", answers=answers))).result)
    except InputRequired as required:
        return required.asked


@ERAS
async def test_a_form_is_asked_and_the_call_run_again_with_its_answer(era: str, pool: McpConnections, caller: ToolCaller) -> None:
    spec = raw(era=era)
    asked = await asks(pool, spec, [form()], {}, caller)
    assert isinstance(asked, Asked)
    assert (asked.kind, asked.text, asked.schema, asked.url) == ("form", "Who are you?", NAME, None)
    told = await asks(pool, spec, [form()], {asked.key: Answered(True, {"name": "Ann"})}, caller)
    assert told == [{"action": "accept", "content": {"name": "Ann", "age": 7}}]
    assert [each["action"] for each in await asks(pool, spec, [form()], {asked.key: Answered(False)}, caller)] == ["decline"]


@ERAS
async def test_each_question_of_a_call_has_its_own_answer(era: str, pool: McpConnections, caller: ToolCaller) -> None:
    """The same question twice is two questions."""
    spec, questions, answers = raw(era=era), [form(), form("And how old?"), form()], dict[str, Answered]()
    for name in ("first", "second", "third"):
        asked = await asks(pool, spec, questions, answers, caller)
        assert isinstance(asked, Asked)
        answers[asked.key] = Answered(True, {"name": name})
    assert [each["content"]["name"] for each in await asks(pool, spec, questions, answers, caller)] == ["first", "second", "third"]


@ERAS
async def test_a_page_is_asked_for_whatever_number_its_address_has(era: str, pool: McpConnections, caller: ToolCaller) -> None:
    spec = raw(era=era)
    asked = await asks(pool, spec, [page("https://example.com/in?state=1")], {}, caller)
    assert isinstance(asked, Asked)
    assert (asked.kind, asked.url) == ("signin", "https://example.com/in?state=1")
    assert [each["action"] for each in await asks(pool, spec, [page("https://example.com/in?state=2")], {asked.key: Answered(True)}, caller)] == ["accept"]


async def test_a_call_that_is_refused_until_a_page_was_visited(pool: McpConnections, caller: ToolCaller) -> None:
    spec, arguments = raw(era="legacy"), {"url": "https://example.com/in"}
    with pytest.raises(InputRequired) as required:
        await pool.call(spec, "page_first", arguments, ExecutionContext(caller, "c1"))
    asked = required.value.asked
    assert (asked.kind, asked.url) == ("signin", "https://example.com/in")
    with pytest.raises(ToolError, match="a page first"):  # it was visited, and the server says no all the same
        await pool.call(spec, "page_first", arguments, ExecutionContext(caller, "c1", answers={asked.key: Answered(True)}))
    with pytest.raises(ToolError, match="did not want"):
        await pool.call(spec, "page_first", arguments, ExecutionContext(caller, "c1", answers={asked.key: Answered(False)}))


@ERAS
@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/in",
        "http://127.0.0.1/in",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://user:pw@example.com/",
        "https://example.com/\u202ein",
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_proper(era: str, url: str, pool: McpConnections, caller: ToolCaller) -> None:
    """SEC-17. For a server of the operator's, whose address is trusted, loopback is."""
    with pytest.raises(ToolError, match="wants a page to be visited"):
        await asks(pool, raw(era=era), [page(url)], {}, caller)


async def test_loopback_is_proper_where_the_operator_chose_the_server(pool: McpConnections, caller: ToolCaller) -> None:
    asked = await asks(pool, raw(is_trusted=True), [page("http://127.0.0.1:8123/in")], {}, caller)
    assert isinstance(asked, Asked)


@ERAS
async def test_a_form_that_cannot_be_shown_is_not(era: str, pool: McpConnections, caller: ToolCaller) -> None:
    nested = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}
    with pytest.raises(ToolError):
        await asks(pool, raw(era=era), [form(schema=nested)], {}, caller)


@ERAS
async def test_sampling_is_refused(era: str, call: Call) -> None:
    spec = raw(era=era)
    if era == "modern":
        with pytest.raises(ToolError, match="not offered here"):
            await call(spec, "sample")
    else:
        assert "not supported" in json.loads(await call(spec, "sample"))["message"]


async def test_a_question_on_a_shared_pipe_reaches_the_one_whose_call_it_is(pool: McpConnections) -> None:
    """Nothing on the wire says whose it is. Others have calls under way, which are not disturbed, and run once."""
    spec = raw(era="legacy")
    asker, others = ToolCaller(uuid4()), [ToolCaller(uuid4()) for _ in range(5)]
    await pool.definitions(spec, asker)
    waits = [pool.call(spec, "wait", {"seconds": 0.3, "text": str(other.account_id)}, ExecutionContext(other, "c")) for other in others]
    *done, asked = await asyncio.gather(*waits, asks(pool, spec, [form()], {}, asker))
    assert isinstance(asked, Asked)
    assert [outcome.result for outcome in done] == [str(other.account_id) for other in others]
    calls = json.loads((await pool.call(spec, "seen", {}, ExecutionContext(asker, "c"))).result)["calls"]
    assert calls.count("wait") == len(others)


async def test_two_questions_at_once_on_a_shared_pipe_are_not_mixed_up(pool: McpConnections) -> None:
    spec = raw(era="legacy")
    callers = [ToolCaller(uuid4()) for _ in range(6)]
    await pool.definitions(spec, callers[0])
    asked = await asyncio.gather(*(asks(pool, spec, [form(f"Who are you, {each.account_id}?")], {}, each) for each in callers))
    assert [each.text for each in asked] == [f"Who are you, {each.account_id}?" for each in callers]
    answers = [{question.key: Answered(True, {"name": str(each.account_id)})} for question, each in zip(asked, callers, strict=True)]
    told = await asyncio.gather(
        *(asks(pool, spec, [form(f"Who are you, {each.account_id}?")], given, each) for each, given in zip(callers, answers, strict=True))
    )
    assert [each[0]["content"]["name"] for each in told] == [str(each.account_id) for each in callers]
