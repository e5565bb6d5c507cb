"""A turn's life over HTTP, with a provider that does what providers do."""

from typing import Any

from bench.fake_model import FakeToolCall, Script
from parlor.llm import estimate_tokens
from tests.support.chat import Frame, Person, answer_of, text_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

ALWAYS_A_TOOL = (
    'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"calculator","arguments":"{}"}}]}}]}\n\n'
    'data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":10,"completion_tokens":1}}\n\n'
    "data: [DONE]\n\n"
)
NO_RETRY = {"llm.timeouts.connect_seconds": 0.2, "llm.timeouts.first_byte_seconds": 0.3, "llm.timeouts.idle_seconds": 0.3}


async def _streamed(person: Person, session_id: str, **body: object) -> list[Frame]:
    async with person.stream(session_id, **body) as reader:
        assert reader.status == 200, reader.response.text
        return await reader.rest()


def _prompt_tokens(frames: list[Frame]) -> int:
    return sum(frame.data["prompt_tokens"] for frame in frames if frame.event == "step.started")


async def test_a_turn_tells_its_life_in_numbered_events_and_keeps_what_it_said(house: ServedHouse) -> None:
    house.fake.script("fake", Script(texts=("Grüße", " und", " 🎉", "\n\n", "\u2028", " Ende "), reasoning=("hm", " so")))
    ann = await house.person()
    session_id = await ann.new_session()
    frames = await _streamed(ann, session_id)
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    kinds = [frame.event for frame in frames]
    assert kinds[:3] == ["turn.started", "step.started", "reasoning.delta"]
    assert kinds[-2:] == ["usage", "turn.completed"]
    assert {frame.data["turn_id"] for frame in frames} == {frames[0].data["turn_id"]}
    question, answer = await ann.messages(session_id)
    assert answer_of(answer) == text_of(frames) == "Grüße und 🎉\n\n\u2028 Ende "
    assert answer["parts"][0] == {"type": "reasoning", "text": "hm so"}
    assert frames[0].data["message_id"] == question["id"]
    assert frames[-1].data["message_id"] == answer["id"]
    assert (answer["parent_id"], answer["status"], answer["role"]) == (question["id"], "complete", "assistant")


async def test_usage_and_charge_are_exactly_what_the_provider_counted(house: ServedHouse) -> None:
    house.fake.script("fake", Script(usage={"prompt_tokens": 111, "completion_tokens": 22, "prompt_tokens_details": {"cached_tokens": 7}}))
    ann = await house.person()
    before = await ann.wallet()
    turn, answer = await ann.ask(await ann.new_session())
    usage = {"input_tokens": 111, "output_tokens": 22, "cached_tokens": 7, "reasoning_tokens": 0}
    charge_micros = 111 + 3 * 22
    assert turn["state"] == "completed"
    assert turn["usage"] == answer["usage"] == usage
    assert turn["charge_micros"] == charge_micros
    after = await ann.wallet()
    assert after["available_micros"] == before["available_micros"] - charge_micros
    assert after["held_micros"] == 0
    (charge,) = await ann.charges()
    assert (charge["amount_micros"], charge["turn_id"], charge["model"]) == (-charge_micros, turn["id"], "main/fake")
    assert all(number in charge["explanation"] for number in ("111", "22", "1000000", "3000000"))
    *_, usage_event, terminal = await ann.events(turn["id"])
    assert {name: usage_event.data[name] for name in usage} == usage
    assert (terminal.data["charge_micros"], terminal.data["usage"]) == (charge_micros, usage)


async def test_the_answer_of_a_waiting_request_is_the_assistants_message(house: ServedHouse) -> None:
    ann = await house.person()
    turn, message = await ann.ask(await ann.new_session(), [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}])
    assert (message["role"], message["turn_id"]) == ("assistant", turn["id"])
    assert house.fake.requests[-1].body["messages"][-1] == {"role": "user", "content": "one\n\ntwo"}


async def test_an_answer_with_a_tool_calls_it_between_two_steps(house: ServedHouse) -> None:
    house.fake.script("fake", Script(tool_calls=(FakeToolCall(name="calculator", arguments='{"expression": "6 * 7"}'),), texts=("It is", " 42.")))
    ann = await house.person()
    session_id = await ann.new_session()
    frames = await _streamed(ann, session_id)
    kinds = [frame.event for frame in frames if frame.event not in ("text.delta", "usage")]
    assert kinds == ["turn.started", "step.started", "tool.called", "tool.result", "step.started", "turn.completed"]
    called, result = (next(frame.data for frame in frames if frame.event == kind) for kind in ("tool.called", "tool.result"))
    assert (called["tool"], called["arguments"]) == ("calculator", {"expression": "6 * 7"})
    assert called["call_id"] == result["call_id"]
    assert result["result"] == {"expression": "6 * 7", "value": 42}
    first, second = house.fake.requests
    assert [message["role"] for message in second.body["messages"]] == ["system", "user", "assistant", "tool"]
    _, answer = await ann.messages(session_id)
    assert [part["type"] for part in answer["parts"]] == ["tool_call", "tool_result", "text"]
    counted = [int(frame.data["input_tokens"]) for frame in frames if frame.event == "usage"]
    assert counted == sorted(counted)
    assert len(counted) == 2
    assert frames[-1].data["usage"]["input_tokens"] == counted[-1] > 0
    assert first.body["tools"][0]["function"]["name"] == "calculator"


IMPOSSIBLE_CALLS = (
    (FakeToolCall(name="rm_rf", arguments="{}"), "no tool called"),
    (FakeToolCall(name="calculator", arguments='{"expression": '), "not a JSON object"),
    (FakeToolCall(name="calculator", arguments="[1]"), "not a JSON object"),
    (FakeToolCall(name="calculator", arguments="{}"), "expression"),
    (FakeToolCall(name="calculator", arguments='{"expression": "1/0"}'), "division by zero"),
    (FakeToolCall(name="calculator", arguments='{"expression": "__import__(\\"os\\")"}'), "only numbers"),
)


async def test_a_tool_call_that_cannot_be_done_is_an_error_result_and_the_turn_goes_on(house: ServedHouse) -> None:
    ann = await house.person()
    for call, error in IMPOSSIBLE_CALLS:
        house.fake.script("fake", Script(tool_calls=(call,)))
        turn, _ = await ann.ask(await ann.new_session())
        assert turn["state"] == "completed"
        (result,) = [frame.data for frame in await ann.events(turn["id"]) if frame.event == "tool.result"]
        assert error in result["error"]
        assert "result" not in result
        assert error in house.fake.requests[-1].body["messages"][-1]["content"]


async def test_a_model_that_always_calls_a_tool_is_ended_at_the_limit(open_served: OpenServed) -> None:
    house = await open_served(settings={"agents.assistant": {"tools": ["calculator"], "limits": {"steps": 3}}})
    house.fake.script("fake", Script(raw=ALWAYS_A_TOOL))
    ann = await house.person()
    session_id = await ann.new_session()
    turn, _ = await ann.ask(session_id)
    assert (turn["state"], turn["reason"]) == ("failed", "limit_steps")
    assert turn["charge_micros"] == 3 * (10 + 3 * 1)
    assert house.fake.count == 3
    _, answer = await ann.messages(session_id)
    ids = [part["call_id"] for part in answer["parts"] if part["type"] == "tool_call"]
    assert len(set(ids)) == 3, "the provider gave one id to all calls: history with equal ids is refused"


async def test_an_answer_at_its_length_limit_completes_and_says_so(house: ServedHouse) -> None:
    house.fake.script("fake", Script(finish_reason="length"))
    ann = await house.person()
    turn, message = await ann.ask(await ann.new_session(), params={"max_tokens": 77})
    assert (turn["state"], turn["reason"], message["status"]) == ("completed", "length", "complete")
    assert house.fake.requests[-1].body["max_tokens"] == 77


async def test_an_answer_that_the_provider_filtered_fails_with_what_was_said(house: ServedHouse) -> None:
    house.fake.script("fake", Script(finish_reason="content_filter", usage={"prompt_tokens": 5, "completion_tokens": 6}))
    ann = await house.person()
    turn, message = await ann.ask(await ann.new_session())
    assert (turn["state"], turn["reason"], message["status"]) == ("failed", "content_filter", "failed")
    assert turn["charge_micros"] == 5 + 18
    assert answer_of(message) == "".join(f"w{n} " for n in range(8))


async def test_an_answer_of_nothing_is_no_message(house: ServedHouse) -> None:
    house.fake.script("fake", Script(chunks=0))
    ann = await house.person()
    session_id = await ann.new_session()
    turn, message = await ann.ask(session_id)
    assert (turn["state"], message["role"]) == ("completed", "user")
    assert len(await ann.messages(session_id)) == 1
    assert (await ann.events(turn["id"]))[-1].data["message_id"] is None
    await ann.ask(session_id)
    assert [message["role"] for message in house.fake.requests[-1].body["messages"]] == ["system", "user"]


async def test_text_that_postgres_cannot_store_does_not_hurt_anybody(house: ServedHouse) -> None:
    r"""A NUL from a model is dropped; the six characters \u0000, which answers about programming have in them, stay."""
    ann = await house.person()
    house.fake.next(Script(texts=("a\x00b", r" \u0000 ", r"\\u0000", "\x00"), pace_seconds=0.1))
    session_id = await ann.new_session()
    turn, message = await ann.ask(session_id, r"what is \u0000?")
    assert (turn["state"], answer_of(message)) == ("completed", r"ab \u0000 \\u0000")
    assert text_of(await ann.events(turn["id"])) == answer_of(message)
    house.fake.next(Script(tool_calls=(FakeToolCall(name="calculator", arguments=r'{"expression": "1\u0000", "x\u0000": "\\u0000"}'),)))
    turn, message = await ann.ask(session_id)
    assert turn["state"] == "completed"


CUT = {"at_chunk": 4, "pace_seconds": 0.01}
SAID = "w0 w1 w2 "


FAILURES: tuple[tuple[str, Script, str, str, str], ...] = (
    ("429", Script(status=429, headers={"Retry-After": "99"}), "provider_rate_limited", "nothing", ""),
    ("500 before a byte", Script(status=500), "provider_error", "nothing", ""),
    ("401", Script(status=401), "provider_error", "nothing", ""),
    ("400", Script(status=400), "provider_error", "nothing", ""),
    ("302", Script(status=302, headers={"Location": "http://127.0.0.1/"}), "provider_protocol", "nothing", ""),
    ("not HTTP", Script(fault="garbage"), "provider_protocol", "nothing", ""),
    ("silent before headers", Script(fault="hang_before_headers"), "provider_unreachable", "nothing", ""),
    ("silent after headers", Script(fault="hang_after_headers"), "provider_unreachable", "prompt", ""),
    ("a login page", Script(body="<html>login</html>", content_type="text/html"), "provider_protocol", "prompt", ""),
    ("silent in the middle", Script(fault="hang", **CUT), "provider_unreachable", "prompt and said", SAID),
    ("closed in the middle", Script(fault="fin", **CUT), "provider_protocol", "prompt and said", SAID),
    ("reset in the middle", Script(fault="rst", **CUT), "provider_protocol", "prompt and said", SAID),
    ("an error object in the stream", Script(fault="error", **CUT), "provider_error", "prompt and said", SAID),
    ("ends without an end", Script(done=False, finish=False), "provider_protocol", "prompt and said", "".join(f"w{n} " for n in range(8))),
)


async def test_a_failed_answer_is_charged_by_the_rule(open_served: OpenServed) -> None:
    """REL-08, REL-20, INV-M5: nothing accepted costs nothing; else the provider's usage, or the prompt and what was said."""
    house = await open_served(settings={**NO_RETRY, "llm.breaker.failures": 1000})
    for case, script, reason, charge, said in FAILURES:
        house.fake.script("fake", script)
        ann = await house.person()
        session_id = await ann.new_session()
        before = await ann.wallet()
        frames = await _streamed(ann, session_id)
        assert (frames[-1].event, frames[-1].data["problem"]["reason"]) == ("turn.failed", reason), case
        assert "canary" not in str(frames[-1].data), case
        assert text_of(frames) == said, case
        expected = {"nothing": 0, "prompt": _prompt_tokens(frames), "prompt and said": _prompt_tokens(frames) + 3 * estimate_tokens(said)}[charge]
        turn = await ann.turn(frames[0].data["turn_id"])
        assert (turn["state"], turn["reason"], turn["charge_micros"]) == ("failed", reason, expected), case
        assert (await ann.wallet())["available_micros"] == before["available_micros"] - expected, case
        answers = (await ann.messages(session_id))[1:]
        assert [(answer_of(answer), answer["status"]) for answer in answers] == ([(said, "failed")] if said else []), case
        assert len(await ann.charges()) == bool(expected), case


USAGES: tuple[tuple[str, object, Any, int | None], ...] = (
    ("late, as OpenAI sends it", {"prompt_tokens": 9, "completion_tokens": 4}, "after_finish", 21),
    ("with the end", {"prompt_tokens": 9, "completion_tokens": 4}, "with_finish", 21),
    ("twice", [{"prompt_tokens": 9, "completion_tokens": 4}] * 2, "after_finish", 21),
    ("negative, which does not count", {"prompt_tokens": -9, "completion_tokens": -4}, "after_finish", None),
    ("missing", None, "after_finish", None),
    ("after the end, which does not count", {"prompt_tokens": 9, "completion_tokens": 4}, "after_done", None),
    ("nonsense", {"prompt_tokens": "many", "completion_tokens": {}}, "after_finish", None),
)


async def test_strange_usage_is_charged_by_the_rule(house: ServedHouse) -> None:
    """REL-08, SEC-49."""
    ann = await house.person()
    for case, usage, place, charge in USAGES:
        house.fake.script("fake", Script(usage=usage, usage_place=place))
        frames = await _streamed(ann, await ann.new_session())
        assert frames[-1].event == "turn.completed", case
        expected = _prompt_tokens(frames) + 3 * estimate_tokens(text_of(frames)) if charge is None else charge
        assert frames[-1].data["charge_micros"] == expected, case


async def test_what_an_answer_costs_beyond_its_hold_is_not_the_users(house: ServedHouse) -> None:
    """INV-M4."""
    house.fake.script("fake", Script(usage={"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000}))
    ann = await house.person()
    before = await ann.wallet()
    turn, _ = await ann.ask(await ann.new_session(), params={"max_tokens": 10})
    prompt_tokens = _prompt_tokens(await ann.events(turn["id"]))
    assert turn["charge_micros"] == prompt_tokens + 30
    assert (await ann.wallet())["available_micros"] == before["available_micros"] - prompt_tokens - 30


async def test_a_provider_that_cannot_be_reached_costs_nothing(open_served: OpenServed) -> None:
    house = await open_served(
        settings={"llm.providers": {"main": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}}, "llm.timeouts.connect_seconds": 0.3}
    )
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session())
    assert (turn["state"], turn["reason"], turn["charge_micros"]) == ("failed", "provider_unreachable", 0)


async def test_a_turn_that_takes_too_long_is_ended(open_served: OpenServed) -> None:
    house = await open_served(settings={"turns.total_seconds": 0.4})
    house.fake.script("fake", Script(chunks=1000, pace_seconds=0.02))
    ann = await house.person()
    turn, message = await ann.ask(await ann.new_session())
    assert (turn["state"], turn["reason"], message["status"]) == ("failed", "limit_time", "failed")
    assert (await house.fake.seen()).closed_by_peer
