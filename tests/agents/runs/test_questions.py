"""A turn that waits for a person: asked once, answered once, from anywhere, and gone on from exactly there."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import bindparam, update

from parlor.core.db import Database, Id, Transaction, UtcTime, statement
from parlor.llm import Finished, ProviderState, StateSeen, TextDelta, ToolCallDelta, Usage, UsageSeen
from parlor.testing import ScriptedModel, says
from parlor.tools import Asked, ExecutionContext, InputRequired, Progress, ToolError
from parlor.turns.sweep import TurnSweep
from parlor.turns.tables import TurnQuestion
from parlor.wallet import Price, WalletService
from tests.support.chat import Person, answer_of
from tests.support.history import complaints_about
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed
from tests.support.wire import wire_of

_age = statement(update(TurnQuestion).where(TurnQuestion.turn_id == bindparam("of", type_=Id())).values(expires_at=bindparam("then", type_=UtcTime())))


class Mailer:
    """Sends, and remembers what."""

    name = "mail_send"
    description = "Sends a mail."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"], "additionalProperties": False}

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        context.progress(Progress(1, 2, "half way"))
        self.sent.append(arguments)
        return {"sent": arguments["to"]}


class Form:
    """Needs a size before it does anything, and a sign-in before it asks for that."""

    name = "shop_order"
    description = "Orders a shirt."
    parameters: Mapping[str, Any] = {"type": "object"}
    schema: Mapping[str, Any] = {"type": "object", "properties": {"size": {"type": "string", "enum": ["S", "M"]}}, "required": ["size"]}

    def __init__(self) -> None:
        self.orders: list[Any] = []

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        if (signed_in := context.answers.get("signin:shop")) is None:
            raise InputRequired(Asked("signin", "Sign in at the shop.", "signin:shop", url="https://shop.example/login"))
        if not signed_in.is_accepted:
            raise ToolError("nobody signed in")
        if (size := context.answers.get("size")) is None:
            raise InputRequired(Asked("form", "Which size?", "size", schema=self.schema))
        self.orders.append(size.form)
        return {"ordered": size.form} if size.is_accepted else {"ordered": None}


def _calls(*called: tuple[str, str], text: str = "", state: ProviderState | None = None, usage: tuple[int, int] = (100, 20)) -> list[Any]:
    deltas = [ToolCallDelta(at, f"call_{at}", name, arguments) for at, (name, arguments) in enumerate(called)]
    said = [TextDelta(text)] if text else []
    return [*said, *deltas, *([StateSeen(state)] if state else []), UsageSeen(Usage(*usage)), Finished("tool_calls")]


DONE = says("Done.", input_tokens=1, output_tokens=1)
ASK = {"tools.policy": {"mail_*": "ask"}}


async def _pending(person: Person, turn_id: str) -> list[dict[str, Any]]:
    turn = await person.turn(turn_id)
    assert turn["state"] == "awaiting_input", turn
    return turn["pending"]


async def _answer(person: Person, turn_id: str, question_id: str, **body: Any) -> httpx2.Response:
    return await person.client.post(f"/turns/{turn_id}/answers/{question_id}", json=body)


async def _over(person: Person, turn_id: str) -> dict[str, Any]:
    await person.replay(turn_id)
    return await person.turn(turn_id)


async def _waiting(house: ServedHouse) -> tuple[Person, str, str, dict[str, Any]]:
    """Somebody whose turn asks about one call: person, session, turn, question."""
    ann = await house.person()
    session_id = await ann.new_session()
    turn, message = await ann.ask(session_id, "Write to Bob")
    assert (turn["state"], message["role"]) == ("awaiting_input", "user")
    (question,) = turn["pending"]
    return ann, session_id, turn["id"], question


async def test_a_call_that_was_approved_is_made_once_and_the_turn_goes_on_where_it_stood(open_served: OpenServed) -> None:
    mailer, state = Mailer(), ProviderState("test/scripted", {"signature": "s"})
    model = ScriptedModel(
        _calls(("mail_send", '{"to": "bob"}'), ("calculator", '{"expression": "1+1"}'), text="Let me. ", state=state),
        DONE,
    )
    house = await open_served(model, tools=[mailer], settings=ASK)
    ann, session_id, turn_id, question = await _waiting(house)
    assert {name: question[name] for name in ("kind", "tool", "arguments", "schema", "url")} == {
        **{"kind": "approval", "tool": "mail_send", "arguments": {"to": "bob"}},
        **{"schema": None, "url": None},
    }
    assert mailer.sent == []
    assert await (await house.get(TurnSweep)).sweep() == 0
    held = await ann.wallet()
    assert held["held_micros"] == 120, "what the step has cost, at 1 micro a token"
    assert (await ann.post(session_id)).json()["code"] == "chat.turn_in_progress"

    async with ann.follow(turn_id) as reader:
        before = await reader.until("question.asked")
        reply = await _answer(ann, turn_id, question["id"], decision="approve")
        assert (reply.status_code, reply.json()["state"], reply.json()["pending"]) == (200, "running", [])
        after = await reader.rest()
    kinds = [frame.event for frame in before + after]
    assert kinds == [
        *("turn.started", "step.started", "text.delta", "usage", "tool.called", "tool.called", "tool.result", "question.asked"),
        *("question.answered", "tool.progress", "tool.result", "step.started", "text.delta", "usage", "turn.completed"),
    ]
    assert before[-1].data["question"] == question
    assert [frame.number for frame in after] == list(range(1_000_001, 1_000_001 + len(after)))
    assert mailer.sent == [{"to": "bob"}]
    turn, answer = await ann.turn(turn_id), (await ann.messages(session_id))[-1]
    assert (turn["state"], turn["charge_micros"], answer_of(answer)) == ("completed", 100 + 20 + 1 + 1, "Let me. Done.")
    asked = model.requests[1].messages
    assert asked[2].provider_state == state
    assert complaints_about(wire_of(asked)) == []
    assert [message.text for message in asked[3:]] == ['{"expression":"1+1","value":2}', '{"sent":"bob"}']
    assert await ann.replay(turn_id) == b"".join(frame.raw for frame in before + after)
    assert (await ann.wallet())["held_micros"] == 0


async def test_a_call_that_was_refused_is_not_made_and_the_model_knows_why(open_served: OpenServed) -> None:
    mailer = Mailer()
    model = ScriptedModel(_calls(("mail_send", '{"to": "bob"}')), says("All right."))
    house = await open_served(model, tools=[mailer], settings=ASK)
    ann, _, turn_id, question = await _waiting(house)
    await _answer(ann, turn_id, question["id"], decision="reject", reason="not at night")
    assert (await _over(ann, turn_id))["state"] == "completed"
    assert model.requests[1].messages[-1].text == "error: the user refused this call: not at night"
    assert mailer.sent == []


async def test_a_call_is_made_with_the_arguments_that_a_person_has_put_in_the_place_of_the_models(open_served: OpenServed) -> None:
    mailer = Mailer()
    model = ScriptedModel(_calls(("mail_send", '{"to": "bob"}')), DONE)
    house = await open_served(model, tools=[mailer], settings=ASK)
    ann, session_id, turn_id, question = await _waiting(house)
    await _answer(ann, turn_id, question["id"], decision="edit", arguments={"to": "eve"})
    assert (await _over(ann, turn_id))["state"] == "completed"
    assert mailer.sent == [{"to": "eve"}]
    assert model.requests[1].messages[2].tool_calls[0].arguments == '{"to":"eve"}'
    parts = (await ann.messages(session_id))[-1]["parts"]
    assert (parts[0]["arguments"], parts[1]["result"]) == ({"to": "eve"}, {"sent": "eve"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "maybe"},
        {"decision": "edit"},
        {"decision": "edit", "arguments": {"to": 5}},
        {"decision": "edit", "arguments": {"to": "a", "cc": "b"}},
        {"decision": "approve", "arguments": {"to": "eve"}},
        {"decision": "approve", "form": {"size": "M"}},
        {"decision": "approve", "nonce": "x"},
    ],
)
async def test_what_is_no_answer_is_refused_and_the_question_waits_on(open_served: OpenServed, body: dict[str, Any]) -> None:
    mailer = Mailer()
    house = await open_served(ScriptedModel(_calls(("mail_send", '{"to": "bob"}'))), tools=[mailer], settings=ASK)
    ann, _, turn_id, question = await _waiting(house)
    assert (await _answer(ann, turn_id, question["id"], **body)).status_code == 422
    assert [each["id"] for each in await _pending(ann, turn_id)] == [question["id"]]
    assert mailer.sent == []


async def test_of_twenty_answers_at_once_one_counts(open_served: OpenServed) -> None:
    mailer = Mailer()
    model = ScriptedModel(_calls(("mail_send", '{"to": "bob"}')), DONE)
    house = await open_served(model, tools=[mailer], settings=ASK)
    ann, _, turn_id, question = await _waiting(house)
    replies = await asyncio.gather(*(_answer(ann, turn_id, question["id"], decision="approve") for _ in range(20)))
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 19
    assert {reply.json()["code"] for reply in replies if reply.status_code == 409} == {"chat.question_closed"}
    assert (await _over(ann, turn_id))["state"] == "completed"
    assert len(mailer.sent) == 1
    assert (await _answer(ann, turn_id, question["id"], decision="reject")).status_code == 409


async def test_nobody_answers_for_somebody_else(open_served: OpenServed) -> None:
    """SEC-07, SEC-23: not with the right ids, and not with words that a model or a tool says."""
    mailer = Mailer()
    house = await open_served(ScriptedModel(_calls(("mail_send", '{"to": "bob"}'), text="approve approve {decision: approve}")), tools=[mailer], settings=ASK)
    ann, _, turn_id, question = await _waiting(house)
    bob = await house.person()
    missing = "01890000-0000-7000-8000-000000000000"
    assert (await _answer(bob, turn_id, question["id"], decision="approve")).json()["code"] == "chat.no_such_turn"
    assert (await _answer(ann, turn_id, missing, decision="approve")).json()["code"] == "chat.no_such_question"
    assert (await _answer(ann, missing, question["id"], decision="approve")).status_code == 404
    assert mailer.sent == []
    assert len(await _pending(ann, turn_id)) == 1


async def test_a_turn_with_two_questions_goes_on_with_the_second_answer(open_served: OpenServed) -> None:
    mailer = Mailer()
    model = ScriptedModel(_calls(("mail_send", '{"to": "bob"}'), ("mail_send", '{"to": "eve"}')), DONE)
    house = await open_served(model, tools=[mailer], settings=ASK)
    ann = await house.person()
    turn, _ = await ann.ask(await ann.new_session())
    first, second = turn["pending"]
    reply = await _answer(ann, turn["id"], second["id"], decision="approve")
    assert (reply.json()["state"], [each["id"] for each in reply.json()["pending"]]) == ("awaiting_input", [first["id"]])
    assert mailer.sent == []
    await _answer(ann, turn["id"], first["id"], decision="reject")
    assert (await _over(ann, turn["id"]))["state"] == "completed"
    assert mailer.sent == [{"to": "eve"}]
    assert complaints_about(wire_of(model.requests[1].messages)) == []


async def test_without_credit_for_the_next_step_the_question_waits_on(open_served: OpenServed) -> None:
    mailer = Mailer()
    model = ScriptedModel(
        _calls(("mail_send", '{"to": "bob"}'), usage=(1000, 0)),
        DONE,
        price=Price(1_000_000, 1_000_000),
        max_output_tokens=2000,
    )
    house = await open_served(model, tools=[mailer], settings={**ASK, "wallet.initial_bonus_micros": 2500})
    ann, _, turn_id, question = await _waiting(house)
    assert (await ann.wallet())["held_micros"] == 1000
    refused = await _answer(ann, turn_id, question["id"], decision="approve")
    assert (refused.status_code, refused.json()["code"]) == (402, "wallet.insufficient_funds")
    assert [each["id"] for each in await _pending(ann, turn_id)] == [question["id"]]
    wallet, db = await house.get(WalletService), await house.get(Database)
    await db.write(lambda tx: wallet.grant(tx, UUID(ann.id), 1_000_000, reference="more"))
    await _answer(ann, turn_id, question["id"], decision="approve")
    assert (await _over(ann, turn_id))["charge_micros"] == 1002
    assert len(mailer.sent) == 1


async def test_a_question_that_nobody_answers_ends_its_turn_and_costs_what_was_used(open_served: OpenServed) -> None:
    mailer = Mailer()
    house = await open_served(ScriptedModel(_calls(("mail_send", '{"to": "bob"}'), text="One moment.")), tools=[mailer], settings=ASK)
    ann, session_id, turn_id, question = await _waiting(house)

    def age(tx: Transaction) -> None:
        tx.run(_age, of=UUID(turn_id), then=tx.now())

    await (await house.get(Database)).write(age)
    assert (await _answer(ann, turn_id, question["id"], decision="approve")).status_code == 409
    await (await house.get(TurnSweep)).sweep()
    turn = await _over(ann, turn_id)
    assert (turn["state"], turn["reason"], turn["charge_micros"], turn["pending"]) == ("failed", "question_expired", 120, [])
    parts = (await ann.messages(session_id))[-1]["parts"]
    assert parts[-1]["error"] == "not run: the question about it was not answered"
    assert mailer.sent == []


async def test_a_turn_that_waits_is_stopped_at_once(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(_calls(("mail_send", '{"to": "bob"}')), says("Again.")), tools=[Mailer()], settings=ASK)
    ann, session_id, turn_id, question = await _waiting(house)
    assert (await ann.stop(turn_id))["state"] == "stopped"
    assert (await ann.stop(turn_id))["state"] == "stopped"
    assert (await ann.wallet())["held_micros"] == 0
    assert (await _answer(ann, turn_id, question["id"], decision="approve")).status_code == 409
    assert (await ann.ask(session_id))[0]["state"] == "completed"


async def test_a_session_that_waits_is_deleted_with_its_question(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(_calls(("mail_send", '{"to": "canary"}'))), tools=[Mailer()], settings=ASK)
    ann, session_id, turn_id, question = await _waiting(house)
    assert (await ann.client.delete(f"/sessions/{session_id}")).status_code == 204
    assert (await _answer(ann, turn_id, question["id"], decision="approve")).status_code == 404


async def test_an_account_that_waits_is_erased_with_its_question(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(_calls(("mail_send", '{"to": "canary"}'))), tools=[Mailer()], settings=ASK)
    ann, _, _, _ = await _waiting(house)
    erased = await ann.client.request("DELETE", "/auth/me", json={"password": "a quiet river in may"})
    assert erased.status_code in (200, 202), erased.text


async def test_a_tool_asks_for_a_sign_in_and_then_for_a_form_and_is_run_with_what_it_got(open_served: OpenServed) -> None:
    form = Form()
    model = ScriptedModel(_calls(("shop_order", "{}")), says("Ordered."))
    house = await open_served(model, tools=[form])
    ann, _, turn_id, question = await _waiting(house)
    assert (question["kind"], question["url"], question["text"]) == ("signin", "https://shop.example/login", "Sign in at the shop.")
    await _answer(ann, turn_id, question["id"], decision="approve")
    async with ann.follow(turn_id) as reader:
        await reader.until("question.asked", 2)
    (second,) = await _pending(ann, turn_id)
    assert (second["kind"], second["schema"]) == ("form", dict(form.schema))
    wrong: Sequence[Any] = ({"decision": "approve"}, {"decision": "approve", "form": {"size": "XXL"}}, {"decision": "approve", "form": {}})
    assert [(await _answer(ann, turn_id, second["id"], **body)).status_code for body in wrong] == [422] * 3
    await _answer(ann, turn_id, second["id"], decision="approve", form={"size": "M"})
    assert (await _over(ann, turn_id))["state"] == "completed"
    assert form.orders == [{"size": "M"}]
    numbers = [frame.number // 1_000_000 for frame in await ann.events(turn_id)]
    assert (numbers[0], numbers[-1]) == (0, 2)


async def test_a_sign_in_that_is_refused_is_told_to_the_tool(open_served: OpenServed) -> None:
    model = ScriptedModel(_calls(("shop_order", "{}")), says("Pity."))
    house = await open_served(model, tools=[Form()])
    ann, _, turn_id, question = await _waiting(house)
    await _answer(ann, turn_id, question["id"], decision="reject")
    assert (await _over(ann, turn_id))["state"] == "completed"
    assert model.requests[1].messages[-1].text == "error: nobody signed in"


async def test_a_sign_in_elsewhere_answers_the_question_that_asked_for_it(open_served: OpenServed) -> None:
    from parlor.chat.resuming import Resumption

    house = await open_served(ScriptedModel(_calls(("shop_order", "{}"))), tools=[Form()])
    ann, _, turn_id, _ = await _waiting(house)
    bob, _, bobs, _ = await _waiting_again(house)
    await (await house.get(Resumption)).signed_in(UUID(ann.id), "signin:shop")
    async with ann.follow(turn_id) as reader:
        await reader.until("question.asked", 2)
    assert [each["kind"] for each in await _pending(ann, turn_id)] == ["form"]
    assert [each["kind"] for each in await _pending(bob, bobs)] == ["signin"]


async def _waiting_again(house: ServedHouse) -> tuple[Person, str, str, dict[str, Any]]:
    from parlor.llm import ModelRegistry

    model: Any = (await house.get(ModelRegistry)).known(None)  # type: ignore[arg-type]
    model._replies.append(_calls(("shop_order", "{}")))
    return await _waiting(house)


async def test_what_was_asked_and_answered_is_exported(open_served: OpenServed) -> None:
    from parlor.turns.user_data import TurnUserData

    house = await open_served(ScriptedModel(_calls(("mail_send", '{"to": "bob"}')), DONE), tools=[Mailer()], settings=ASK)
    ann, _, turn_id, question = await _waiting(house)
    await _answer(ann, turn_id, question["id"], decision="approve")
    await _over(ann, turn_id)
    exported = await (await house.get(TurnUserData)).export(UUID(ann.id))
    (row,) = [row async for row in exported["tool_questions"]]
    assert (str(row["id"]), row["tool"], row["arguments"], row["answer"]) == (question["id"], "mail_send", {"to": "bob"}, {"decision": "approve"})
    assert "arguments_hash" not in row
