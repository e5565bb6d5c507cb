"""What embeddings cost, what is remembered, and who forgets it: SEC-48 and INV-M5 for everything that is embedded."""

import ast
import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from bench.fake_model import FakeModel, Script
from bench.fake_model.embeddings import vector_of
from parlor.core.cache import CacheSettings, MemoryCache
from parlor.core.db import Database, statement
from parlor.core.ids import new_id
from parlor.core.outbound import Timeouts
from parlor.llm import Embedded, Embedder, ModelFailed, ModelGate, UnsupportedInput, estimate_tokens
from parlor.llm.embeddings.cache import EmbeddingCache
from parlor.llm.embeddings.offline import OfflineEmbedder
from parlor.llm.embeddings.settings import EmbeddingSettings
from parlor.llm.endpoints import Kind
from parlor.wallet import CurrentPrices, InsufficientFunds, Price, PriceBook, WalletSettings
from parlor.wallet.tables import HoldRow
from tests.llm.embeddings.conftest import MakeEmbedder
from tests.wallet.conftest import BONUS, House, amounts

SOURCE = Path(__file__).parents[3] / "src" / "parlor"
TEXTS = ["one", "two words", "three more words"]
"""Six tokens, as the fake counts."""
ESTIMATE = sum(map(estimate_tokens, TEXTS))

_holds = statement(select(HoldRow.purpose, HoldRow.state, HoldRow.model, HoldRow.api_key_id, HoldRow.input_tokens, HoldRow.amount_micros))


class Bank:
    """Somebody with credit, and the gate."""

    def __init__(self, house: House, account_id: UUID, *, caches: bool = True, **settings: Any) -> None:
        self.house = house
        self.account_id = account_id
        self.cache = MemoryCache(CacheSettings())
        prices = PriceBook(house.db, house.events, CurrentPrices())
        embeddings = EmbeddingCache(self.cache, EmbeddingSettings(cache=caches))
        self.gate = ModelGate(house.db, house.wallet, prices, WalletSettings().model_copy(update=settings), embeddings=embeddings)

    async def embed(self, embedder: Embedder, texts: Sequence[str] = TEXTS, *, account_id: UUID | None = None, key: UUID | None = None) -> Embedded:
        return await self.gate.embed(account_id or self.account_id, embedder, texts, purpose="knowledge", api_key_id=key)

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
    bank.cache.close()
    await house.verify()


def sent(fake: FakeModel) -> list[str]:
    """Every text that went out."""
    return [text for seen in fake.requests for text in seen.body["input"]]


async def test_what_the_provider_counted_is_charged_and_said(bank: Bank, make_embedder: MakeEmbedder, kind: Kind) -> None:
    key = new_id()
    found = await bank.embed(make_embedder(kind), key=key)

    assert [vector.tolist() for vector in found.vectors] == [pytest.approx(vector_of(text, 8)) for text in TEXTS]
    assert (found.model, found.dimensions, found.input_tokens, found.charge_micros, found.remembered) == ("main/fake", 8, 6, 6, 0)
    assert await bank.spent() == 6
    assert await bank.holds() == [("knowledge", "settled", "main/fake", key, 6, ESTIMATE)]
    (charge, _) = await bank.house.wallet.list_entries(bank.account_id)
    assert charge.explanation.startswith("knowledge: 6 input tokens at 1000000 micro-credits per million")


ENDINGS = (
    (Script(), 6),
    (Script(usage=None), ESTIMATE),
    (Script(usage=0), ESTIMATE),
    (Script(usage=-9), ESTIMATE),
    (Script(usage=10**15), ESTIMATE),
    (Script(status=429), 0),
    (Script(status=500), 0),
    (Script(status=400), 0),
    (Script(fault="garbage"), 0),
    (Script(fault="hang_before_headers"), 0),
    (Script(fault="fin"), ESTIMATE),
    (Script(fault="hang"), ESTIMATE),
    (Script(body="nonsense"), ESTIMATE),
    (Script(surplus=-1), ESTIMATE),
)


async def test_every_ending_has_its_charge(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    """One bank for all of them: each is another text, so that nothing is remembered."""
    spent = 0
    for number, (script, charge) in enumerate(ENDINGS):
        fake.script("fake", script)
        charged = await _charge_of(bank, make_embedder(), [text.replace("o", "abcdefghijklmnopqrst"[number]) for text in TEXTS])
        spent += charge
        assert (charged, await bank.spent()) == (charge, spent), script


async def _charge_of(bank: Bank, embedder: Embedder, texts: Sequence[str]) -> int | None:
    try:
        return (await bank.embed(embedder, texts)).charge_micros
    except ModelFailed as failure:
        return failure.facts["charge_micros"]


async def test_who_cannot_pay_is_refused_before_anything_is_sent(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    with pytest.raises(InsufficientFunds):
        await bank.embed(make_embedder(price=Price(10**12, 0)))

    assert (list(fake.requests), await bank.spent()) == ([], 0)


async def test_a_text_is_sent_once_and_the_next_time_not_at_all(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    embedder = make_embedder()
    first = await bank.embed(embedder, ["one", "two words", "one", "one"])
    assert (sent(fake), first.charge_micros) == (["one", "two words"], 3)
    assert first.vectors[0] == first.vectors[2] == first.vectors[3]

    again = await bank.embed(make_embedder(), ["two words", "one"])
    assert [*again.vectors] == [first.vectors[1], first.vectors[0]]
    assert (again.charge_micros, again.input_tokens, again.remembered, again.dimensions) == (0, 0, 2, 8)
    assert len(fake.requests) == len(await bank.holds()) == 1

    mixed = await bank.embed(embedder, ["one", "three more words"])
    assert (sent(fake)[2:], mixed.charge_micros, mixed.remembered) == (["three more words"], 3, 1)
    assert await bank.spent() == 6


async def test_nobody_is_given_what_others_have_paid_for(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    """Not least because the speed of it would tell that somebody has the same text."""
    other = await bank.house.account(BONUS)
    for account_id in (bank.account_id, other):
        assert (await bank.embed(make_embedder(), account_id=account_id)).charge_micros == 6
    assert len(fake.requests) == 2


async def test_another_length_model_or_place_is_another_vector(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    for embedder in (make_embedder(), make_embedder(dimensions=8), make_embedder("gemini"), make_embedder(base_url=f"{fake.origin}/v1/models")):
        await bank.embed(embedder)
    assert len(fake.requests) == 3, "the last one is the first one again: what is left off a base URL is no difference"


async def test_a_model_that_changes_its_length_behind_the_same_name_is_asked_anew(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    await bank.embed(make_embedder(), ["one", "two words"])
    fake.script("fake", Script(dimensions=4))

    found = await bank.embed(make_embedder(), ["one", "three more words"])

    assert [len(vector) for vector in found.vectors] == [4, 4]
    assert (found.charge_micros, found.remembered, sent(fake)) == (4, 0, ["one", "two words", "three more words", "one"])
    assert await bank.spent() == 7


async def test_a_model_that_never_keeps_its_length_is_given_up(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    await bank.embed(make_embedder(), ["one"])
    fake.next(Script(dimensions=4), Script(dimensions=5))

    with pytest.raises(ModelFailed):
        await bank.embed(make_embedder(), ["one", "two words"])
    assert await bank.spent() == 4


async def test_what_takes_longer_than_credit_is_held_for_is_given_up_and_settled(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    hasty = Bank(bank.house, bank.account_id, hold_ttl_seconds=1)
    fake.script("fake", Script(fault="hang"))

    with pytest.raises(ModelFailed, match="longer than credit") as failed:
        await hasty.embed(make_embedder(timeouts=Timeouts()))

    assert failed.value.facts["charge_micros"] == ESTIMATE == await bank.spent()


async def test_what_came_before_a_failure_is_paid_once_and_remembered(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    fake.next(Script(), Script(first_byte_seconds=0.1, status=500))
    with pytest.raises(ModelFailed) as failed:
        await bank.embed(make_embedder(max_texts=2))
    assert failed.value.facts["charge_micros"] == 3
    paid = sent(fake)[:2] if fake.requests[0].completed else []

    found = await bank.embed(make_embedder(max_texts=2))

    assert (found.charge_micros, found.remembered, await bank.spent()) == (3, 2, 6)
    assert sent(fake)[-1] not in paid


async def test_who_goes_away_pays_for_what_was_accepted(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    fake.script("fake", Script(fault="hang"))
    task = asyncio.create_task(bank.embed(make_embedder()))
    await asyncio.wait_for((await fake.seen()).answered.wait(), 5)
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await bank.spent() == ESTIMATE
    assert fake.requests[0].closed_by_peer or await asyncio.wait_for(fake.requests[0].closed.wait(), 5)


async def test_a_cache_that_is_off_remembers_nothing(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    forgetful = Bank(bank.house, bank.account_id, caches=False)
    for _ in range(2):
        assert (await forgetful.embed(make_embedder())).charge_micros == 6
    assert (len(fake.requests), len(forgetful.cache)) == (2, 0)


async def test_who_is_forgotten_pays_again(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    await bank.embed(make_embedder())
    assert await bank.cache.forget(str(bank.account_id)) == 3
    assert (await bank.embed(make_embedder())).charge_micros == 6
    assert len(bank.cache) == 0, "an erased account brings nothing back"


async def test_the_built_in_one_is_free_and_not_worth_remembering(bank: Bank) -> None:
    found = await bank.embed(OfflineEmbedder(lambda: Price(0, 0)))

    assert (found.charge_micros, found.dimensions, len(bank.cache)) == (0, 384, 0)
    assert [hold[1] for hold in await bank.holds()] == ["settled"]


async def test_no_texts_and_empty_ones(bank: Bank, make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    nothing = await bank.embed(make_embedder(), [])
    assert (nothing.vectors, nothing.charge_micros, nothing.dimensions) == ([], 0, 0)
    with pytest.raises(UnsupportedInput):
        await bank.embed(make_embedder(), [""])
    assert (len(fake.requests), await bank.spent()) == (0, 0)


def test_nobody_embeds_but_the_gate() -> None:
    calls = {
        (str(path.relative_to(SOURCE)), ast.unparse(node.func))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "embed"
    }
    assert ("llm/gate.py", "embedder.embed") in calls
    assert not [(path, call) for path, call in calls if path != "llm/gate.py" and not call.removesuffix(".embed").endswith("gate")]
