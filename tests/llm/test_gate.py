"""The gate holds before it calls and settles once, however an answer ends: SEC-48, REL-08, INV-M5 for everything that is no turn."""

import ast
import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from bench.fake_model import FakeModel, FakeToolCall, Script
from parlor.accounts import AccountDirectory
from parlor.core.db import Database, statement
from parlor.core.errors import Unavailable
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.core.jobs import Jobs
from parlor.llm import Answering, ModelFailed, ModelGate, TextDelta, Usage, UsageSeen, estimate_tokens, request_tokens
from parlor.llm.gate import PAUSES_SECONDS
from parlor.testing import Barrier, ScriptedModel, says
from parlor.wallet import BudgetExceeded, CurrentPrices, InsufficientFunds, Price, PriceBook, WalletSettings
from parlor.wallet.budget_book import BudgetBook
from parlor.wallet.tables import HoldRow
from tests.llm.conftest import Make, asks
from tests.support.accounts import registry_of
from tests.wallet.conftest import BONUS, House, amounts

PRICE = Price(1_000_000, 3_000_000)
"""A micro-credit for each input token, three for each output token."""
PROMPT = request_tokens(asks())
SOURCE = Path(__file__).parents[2] / "src" / "parlor"

_holds = statement(
    select(HoldRow.purpose, HoldRow.state, HoldRow.model, HoldRow.api_key_id, HoldRow.input_tokens, HoldRow.output_tokens, HoldRow.amount_micros)
)


class Bank:
    """Somebody with credit, and the gate to models."""

    def __init__(self, house: House, account_id: UUID, *, pauses_seconds: Sequence[float] = PAUSES_SECONDS, **settings: Any) -> None:
        self.house = house
        self.account_id = account_id
        prices = PriceBook(house.db, house.events, CurrentPrices())
        self.gate = ModelGate(house.db, house.wallet, prices, WalletSettings(**settings), pauses_seconds=pauses_seconds)

    async def ask(self, model: Any, *, most: int | None = None, key: UUID | None = None, leave_after: int | None = None) -> Answering:
        """Reads the answer, or leaves it after so many reads. What is raised is raised after the settlement."""
        request = asks(max_output_tokens=most)
        async with self.gate.stream(self.account_id, model, request, purpose="title", api_key_id=key) as answer:
            number = 0
            if leave_after == 0:
                return answer
            async for _ in answer:
                number += 1
                if number == leave_after:
                    break
        return answer

    async def spent(self) -> int:
        """With nothing held any more."""
        available, held = amounts(await self.house.wallet.read(self.account_id))
        assert held == 0
        return BONUS - available

    async def holds(self) -> list[Any]:
        return await self.house.db.read(lambda tx: tx.run(_holds).all())


@pytest.fixture
async def bank(db: Database) -> AsyncIterator[Bank]:
    """Everything agrees when the test is over."""
    house = House(db)
    bank = Bank(house, await house.account(BONUS))
    yield bank
    await bank.gate.close()
    await house.verify()


async def test_what_the_provider_counted_is_charged_and_said(bank: Bank, make: Make, fake: FakeModel) -> None:
    key = new_id()
    answer = await bank.ask(make(price=PRICE), key=key)
    usage = answer.call.usage
    assert usage is not None
    assert answer.call.charge_micros == usage.input_tokens + 3 * usage.output_tokens == await bank.spent() > 0
    (hold,) = await bank.holds()
    assert hold == ("title", "settled", "main/fake", key, usage.input_tokens, usage.output_tokens, PROMPT + 3 * 4096)
    (charge, _) = await bank.house.wallet.list_entries(bank.account_id)
    assert charge.explanation == f"title: {PRICE.explain(usage.input_tokens, usage.output_tokens)}"
    assert (charge.model, charge.turn_id) == ("main/fake", None)


async def test_the_charge_is_known_when_the_answer_has_ended_and_not_before(bank: Bank, make: Make) -> None:
    async with bank.gate.stream(bank.account_id, make(price=PRICE), asks(), purpose="chat") as answer:
        async for _ in answer:
            assert answer.call.charge_micros is None
        assert answer.call.charge_micros == await bank.spent() > 0


@pytest.mark.parametrize(
    ("script", "charge"),
    [
        (Script(status=429), 0),
        (Script(status=500), 0),
        (Script(status=400), 0),
        (Script(status=401), 0),
        (Script(fault="garbage"), 0),
        (Script(fault="hang_before_headers"), 0),
        (Script(fault="hang_after_headers"), "nothing said"),
        (Script(fault="error", at_chunk=0), "nothing said"),
        (Script(fault="fin", at_chunk=4), "three"),
        (Script(fault="rst", at_chunk=4), "at most three"),
        (Script(fault="error", at_chunk=4), "three"),
        (Script(fault="hang", at_chunk=4), "three"),
        (Script(chunks=3, usage=None), "three"),
        (Script(chunks=3, usage=None, finish=False, done=False), "three"),
        (Script(chunks=3, usage={"prompt_tokens": 100, "completion_tokens": 10}), 130),
        (Script(chunks=3, usage=[{"prompt_tokens": 100, "completion_tokens": 10}, {"prompt_tokens": 100, "completion_tokens": 10}]), 130),
        (Script(chunks=3, usage={"prompt_tokens": -100, "completion_tokens": 10}), "never below"),
        (Script(chunks=3, usage={"prompt_tokens": 10**15, "completion_tokens": 10**15}), "the hold"),
        (Script(chunks=3, reasoning=("aaaa", "bbbb"), usage=None), "with thoughts"),
        (Script(tool_calls=(FakeToolCall(name="look", arguments='{"a": 1}'),), usage=None), "the tool call"),
    ],
)
async def test_every_ending_has_its_charge(bank: Bank, make: Make, fake: FakeModel, script: Script, charge: int | str) -> None:
    fake.script("fake", Script(**{**{name: getattr(script, name) for name in script.__struct_fields__}, "text": "word"}))
    try:
        answer = await bank.ask(make(price=PRICE))
    except ModelFailed:
        answer = None
    spent = await bank.spent()
    expected = {
        "nothing said": PROMPT,
        "three": PROMPT + 3 * estimate_tokens("word" * 3),
        "with thoughts": PROMPT + 3 * estimate_tokens("aaaabbbb" + "word" * 3),
        "the tool call": PROMPT + 3 * estimate_tokens('look{"a": 1}'),
        "the hold": PROMPT + 3 * 4096,
    }
    if charge == "never below":
        assert 0 < spent <= PROMPT + 3 * 10
    elif charge == "at most three":  # a reset may overtake what was sent before it
        assert PROMPT <= spent <= expected["three"]
    elif isinstance(charge, str):
        assert spent == expected[charge]
    else:
        assert spent == charge
    if answer is not None:
        assert answer.call.charge_micros == spent
    assert [hold.state for hold in await bank.holds()] == ["settled" if spent else "voided"]


async def test_a_provider_that_is_not_there_costs_nothing(bank: Bank, make: Make) -> None:
    with pytest.raises(ModelFailed):
        await bank.ask(make("http://127.0.0.1:9/v1", price=PRICE))
    assert await bank.spent() == 0


async def test_left_after_any_number_of_reads_it_costs_the_prompt_and_what_was_read(bank: Bank) -> None:
    """SEC-48: whoever leaves before the usage comes pays for what came, never nothing, and once."""
    words, total = ["a ", "few ", "words ", "more"], 0
    for number in range(len(words) + 1):
        model = ScriptedModel([*(TextDelta(text=word) for word in words), *says("", input_tokens=70, output_tokens=9)], price=PRICE)
        answer = await bank.ask(model, leave_after=number)
        expected = PROMPT + 3 * (estimate_tokens("".join(words[:number])) if number else 0)
        total += expected
        assert (answer.call.charge_micros, await bank.spent()) == (expected, total)
        assert model.open_streams == 0
    whole = await bank.ask(ScriptedModel(says("a few", input_tokens=70, output_tokens=9), price=PRICE))
    assert whole.call.charge_micros == 70 + 27


async def test_a_cancelled_call_is_settled_and_its_connection_closed(bank: Bank) -> None:
    barrier = Barrier()
    model = ScriptedModel([TextDelta(text="word"), barrier, *says("never")], price=PRICE)
    task = asyncio.create_task(bank.ask(model))
    await barrier.reached()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bank.gate.close()
    assert model.open_streams == 0
    assert await bank.spent() == PROMPT + 3 * estimate_tokens("word")


async def test_a_generator_over_it_that_is_closed_settles(bank: Bank) -> None:
    async def words() -> AsyncIterator[str]:
        model = ScriptedModel([TextDelta(text="word"), TextDelta(text="word"), *says("x")], price=PRICE)
        async with bank.gate.stream(bank.account_id, model, asks(), purpose="chat") as answer:
            async for batch in answer:
                yield str(batch)

    async with aclosing(words()) as generator:  # type: ignore[type-var]
        await anext(generator)
    assert await bank.spent() == PROMPT + 3 * estimate_tokens("word")


async def test_who_cannot_pay_is_told_before_anything_is_sent(bank: Bank, make: Make, fake: FakeModel) -> None:
    dear = Price(0, 10**15)
    with pytest.raises(InsufficientFunds):
        await bank.ask(make(price=dear))
    budgets = BudgetBook(bank.house.db, bank.house.wallet, AccountDirectory(registry_of(Events(bank.house.db, Jobs()))), bank.house.events)
    await budgets.change(bank.account_id, {"day": PROMPT + 3 * 100 - 1})
    with pytest.raises(BudgetExceeded):
        await bank.ask(make(price=PRICE), most=100)
    assert fake.count == 0
    assert await bank.holds() == []
    await bank.ask(make(price=PRICE), most=99)
    assert fake.requests[-1].body["max_tokens"] == 99, "what was held for is what is asked for"


async def test_what_is_left_of_the_context_limits_the_answer(bank: Bank) -> None:
    model = ScriptedModel(says("hi"), context_tokens=PROMPT + 300, price=PRICE)
    answer = await bank.ask(model)
    assert model.requests[0].max_output_tokens == 300
    assert answer.call.hold_micros == PROMPT + 900


async def test_a_free_model_leaves_its_record_and_no_charge(bank: Bank) -> None:
    answer = await bank.ask(ScriptedModel(says("hi"), price=Price(0, 0)))
    assert answer.call.charge_micros == await bank.spent() == 0
    assert [hold.state for hold in await bank.holds()] == ["settled"]


async def test_an_answer_does_not_outlast_its_hold(db: Database) -> None:
    """A reader that waits until the hold has expired would read for nothing."""
    house = House(db, WalletSettings(hold_ttl_seconds=10))
    bank = Bank(house, await house.account(BONUS), hold_ttl_seconds=10)
    bank.gate._longest_seconds = 0  # pyright: ignore[reportPrivateUsage]
    barrier = Barrier()
    model = ScriptedModel([TextDelta(text="word"), barrier, TextDelta(text="more"), *says("x", input_tokens=1)], price=PRICE)

    async def read_late() -> None:
        async with bank.gate.stream(bank.account_id, model, asks(), purpose="chat") as answer:
            async with asyncio.timeout(10):
                while answer.call.charge_micros is None:  # noqa: ASYNC110  # nobody is told: the reader is away
                    await asyncio.sleep(0.01)
            barrier.open()
            async for _ in answer:
                pass

    with pytest.raises(ModelFailed):
        await read_late()
    assert await bank.spent() == PROMPT


async def test_a_process_that_died_leaves_a_hold_that_goes_back(bank: Bank) -> None:
    barrier = Barrier()
    task = asyncio.create_task(bank.ask(ScriptedModel([barrier, *says("x")], price=PRICE)))
    await barrier.reached()
    await bank.house.db.write(lambda tx: tx.run(statement(text("UPDATE holds SET expires_at = created_at"))))
    assert await bank.house.db.write(bank.house.wallet.expire_holds) == 1
    barrier.open()
    answer = await task
    assert answer.call.charge_micros == await bank.spent() == 0, "a late settlement charges nothing"


class FailingDatabase:
    """Its first writes after `fail` are refused, as by a database that restarts."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.refusals = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def write(self, fn: Any, /, *, bulk: bool = False) -> Any:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("The database restarts.")
        return await self._db.write(fn, bulk=bulk)


async def test_a_settlement_waits_for_a_database_that_is_away(db: Database) -> None:
    failing = FailingDatabase(db)
    house = House(failing)  # type: ignore[arg-type]
    bank = Bank(house, await house.account(BONUS), pauses_seconds=(0, 0, 0, 0))
    for refusals, charge in ((4, PROMPT + 3 * estimate_tokens("word")), (5, None)):
        async with bank.gate.stream(bank.account_id, ScriptedModel([TextDelta(text="word"), *says("x")], price=PRICE), asks(), purpose="chat") as answer:
            await anext(answer)
            failing.refusals = refusals
        assert answer.call.charge_micros == charge
    assert amounts(await house.wallet.read(bank.account_id))[1] > 0, "the second goes back when its time is over"


def test_nobody_calls_a_model_but_the_gate_and_the_agent_loop() -> None:
    """`something_gate.stream(...)` is the way for everybody else. The models of `llm/routing` are made of models, and a request that is streamed is a body."""
    doors = {"llm/gate.py", "agents/runs/asking.py"}
    calls = {
        (str(path.relative_to(SOURCE)), ast.unparse(node.func))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "stream" and ast.unparse(node.func.value) != "request"
    }
    assert {path for path, _ in calls} >= doors, "the search sees the calls that there are"
    assert not [
        (path, call) for path, call in calls if path not in doors and not path.startswith("llm/routing/") and not call.removesuffix(".stream").endswith("gate")
    ]


async def test_usage_that_comes_twice_counts_once(bank: Bank) -> None:
    twice = [UsageSeen(Usage(10, 1)), UsageSeen(Usage(1000, 1000)), *says("x")]
    answer = await bank.ask(ScriptedModel(twice, price=PRICE))
    assert answer.call.charge_micros == 13
