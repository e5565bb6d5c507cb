"""The door to a model for everything that is no turn: stateless chat, titles, analysis, embeddings. It holds what a call may cost, and settles what it did.

A turn's calls are the agent loop's, by the turn's own hold. A test sees to it that nobody else calls a model.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from uuid import UUID

import structlog
from msgspec.structs import replace

from parlor.core.db import Database, Transaction
from parlor.core.errors import StorageFull, Unavailable
from parlor.llm.embeddings.cache import EmbeddingCache
from parlor.llm.embeddings.call import Embedded, EmbeddingCall, EmbeddingMeter, embedded
from parlor.llm.errors import ModelFailed
from parlor.llm.metering import CallMeter
from parlor.llm.metrics import HouseCosts
from parlor.llm.ports import Embedder, Embeddings, Model, ModelEvent, ModelRequest, Usage, Vector
from parlor.llm.prompts import request_tokens
from parlor.llm.routing.routed import Offer, offers_of
from parlor.wallet import Hold, HoldFor, Price, PriceBook, WalletService, WalletSettings

logger = structlog.get_logger("parlor.llm")

PAUSES_SECONDS = (0.1, 0.5, 2, 5)
"""Between tries to settle while the database does not answer. After that the hold goes back by itself: nobody pays for what was not written down."""
_MOST_ROUNDS = 2
"""Of one call for embeddings: the second is for what was remembered of a model that has changed meanwhile."""
_MOST_LEAD_SECONDS = 30
"""How long before its hold expires a call is over at the latest."""


class GatedCall:
    """An answer as the model streams it. `charge_micros` and `usage` are known once it has ended, also before the context is left."""

    def __init__(self, offers: Sequence[Offer], hold: Hold, purpose: str, meter: CallMeter, *, on_the_house: bool = False) -> None:
        self._offers = offers
        self.hold_micros = hold.amount_micros
        self.hold_id = hold.id
        self.purpose = purpose
        self.on_the_house = on_the_house
        self.usage: Usage | None = None
        self.charge_micros: int | None = None
        """None also when it could not be settled: then the hold goes back when its time is over."""
        self.meter = meter
        self.settlement: asyncio.Task[None] | None = None

    @property
    def model(self) -> str:
        """The full name of the one that answers."""
        return self.meter.model

    @property
    def price(self) -> Price:
        return next(offer.price for offer in self._offers if offer.model == self.model)


class ModelGate:
    def __init__(
        self,
        db: Database,
        wallet: WalletService,
        prices: PriceBook,
        settings: WalletSettings,
        *,
        embeddings: EmbeddingCache | None = None,
        costs: HouseCosts | None = None,
        pauses_seconds: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        self._db = db
        self._wallet = wallet
        self._prices = prices
        self._longest_seconds = settings.hold_ttl_seconds - min(_MOST_LEAD_SECONDS, settings.hold_ttl_seconds / 2)
        self._embeddings = embeddings
        self._costs = costs
        self._pauses_seconds = pauses_seconds
        self._settling: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def stream(
        self, account_id: UUID, model: Model, request: ModelRequest, *, purpose: str, api_key_id: UUID | None = None, on_the_house: bool = False
    ) -> "AsyncGenerator[Answering]":
        """Hold the estimated prompt and the longest answer, call, and settle once: when the answer ends, fails, or is left or cancelled at any point.

        Where others may answer in the model's place, the dearest is held for; the one that answers is charged.

        Raises InsufficientFunds and BudgetExceeded before anything is sent, and what `Model.stream` raises: a ModelFailed has `charge_micros` among its
        facts, what was said until then. `purpose` is one word for the charge:
        chat, title. A process that dies leaves a hold that expires.

        `on_the_house` nothing is held and the account is charged nothing: the whole cost is the platform's, booked as what went beyond a hold of 0.
        """
        await self._prices.fresh()
        offers, prompt_tokens = offers_of(model), request_tokens(request)
        asked = replace(request, max_output_tokens=_longest_answer(model, request, prompt_tokens))
        amount_micros = 0 if on_the_house else max(offer.price.cost_micros(prompt_tokens, asked.max_output_tokens or 0) for offer in offers)
        what = HoldFor(model=model.name, api_key_id=api_key_id)
        hold = await self._db.write(lambda tx: self._wallet.hold(tx, account_id, amount_micros, purpose=purpose, for_=what))
        call = GatedCall(offers, hold, purpose, CallMeter(model.name, prompt_tokens), on_the_house=on_the_house)
        # a reader that is slow, or waits on purpose, must not outlast the hold: then the answer would be free
        last_call = asyncio.get_running_loop().call_later(self._longest_seconds, self._begin_settling, call)
        try:
            async with model.stream(asked) as batches:
                call.meter.is_accepted = True
                yield Answering(self, call, batches)
        except ModelFailed as failure:
            call.meter.is_accepted = call.meter.is_accepted or failure.accepted
            await self.settle(call)
            failure.facts["charge_micros"] = call.charge_micros
            raise
        finally:
            last_call.cancel()
            await self.settle(call)

    async def embed(self, account_id: UUID, embedder: Embedder, texts: Sequence[str], *, purpose: str, api_key_id: UUID | None = None) -> Embedded:
        """Vectors of `texts`. Each different text is sent and paid for once, and not at all when it is remembered for this account.

        Holds the estimate, calls, and settles what the provider accepted, also when another part of it failed: that part is remembered, and free the next
        time. Raises InsufficientFunds and BudgetExceeded before anything is sent, and what `Embedder.embed` raises: a ModelFailed has `charge_micros`
        among its facts.
        """
        distinct = list(dict.fromkeys(texts))
        vectors: dict[str, Vector] = {} if self._embeddings is None else await self._embeddings.find(account_id, embedder, distinct)
        calls = list[EmbeddingCall]()
        while missing := [text for text in distinct if text not in vectors]:
            if len(calls) == _MOST_ROUNDS:
                raise ModelFailed("provider_protocol", "The model's provider sends vectors of a different length each time.", accepted=True)
            calls.append(await self._embed(account_id, embedder, missing, purpose, api_key_id))
            vectors |= calls[-1].meter.vectors
            # a model that gives vectors of another length than it used to is another model: what was remembered is not comparable
            length = len(vectors[missing[0]])
            vectors = {text: vector for text, vector in vectors.items() if len(vector) == length}
        return embedded(embedder.name, [vectors[text] for text in texts], calls, len(distinct))

    async def _embed(self, account_id: UUID, embedder: Embedder, texts: Sequence[str], purpose: str, api_key_id: UUID | None) -> EmbeddingCall:
        await self._prices.fresh()
        price, meter = embedder.price, EmbeddingMeter(texts)
        amount_micros, what = price.cost_micros(meter.estimated_tokens, 0), HoldFor(model=embedder.name, api_key_id=api_key_id)
        hold = await self._db.write(lambda tx: self._wallet.hold(tx, account_id, amount_micros, purpose=purpose, for_=what))
        call = EmbeddingCall(embedder, price, hold, purpose, meter)
        try:
            async with asyncio.timeout(self._longest_seconds):
                await embedder.embed(texts, meter.take)
        except (ModelFailed, TimeoutError) as error:
            await self.settle(call)
            late = ModelFailed("provider_unreachable", "The embeddings took longer than credit is held for.", accepted=True, fault="ours")
            failure = error if isinstance(error, ModelFailed) else late
            failure.facts["charge_micros"] = call.charge_micros
            raise failure from error.__cause__
        finally:
            await self.settle(call)
            if self._embeddings is not None:
                await self._embeddings.keep(account_id, embedder, meter.vectors)
        return call

    async def settle(self, call: GatedCall | EmbeddingCall) -> None:
        """Once, whoever asks; also when the one who asks is cancelled meanwhile."""
        await asyncio.shield(self._begin_settling(call))

    async def close(self) -> None:
        """Waits for settlements whose callers are gone."""
        await asyncio.gather(*self._settling)

    def _begin_settling(self, call: GatedCall | EmbeddingCall) -> "asyncio.Task[None]":
        if call.settlement is None:
            call.usage = call.meter.usage()
            call.settlement = asyncio.create_task(self._until_settled(call), name=f"settlement of {call.hold_id}")
            self._settling.add(call.settlement)
            call.settlement.add_done_callback(self._settling.discard)
        return call.settlement

    async def _until_settled(self, call: GatedCall | EmbeddingCall) -> None:
        for pause_seconds in (*self._pauses_seconds, None):
            try:
                call.charge_micros = await self._db.write(lambda tx: self._settle(tx, call))
                return
            except (Unavailable, StorageFull):
                if pause_seconds is None:
                    logger.exception("llm.not_settled", hold_id=str(call.hold_id), purpose=call.purpose)
                    return
                await asyncio.sleep(pause_seconds)

    def _settle(self, tx: Transaction, call: GatedCall | EmbeddingCall) -> int:
        usage = call.usage
        if usage is None:
            self._wallet.void(tx, hold_id=call.hold_id)
            return 0
        settlement = self._wallet.settle(
            tx,
            hold_id=call.hold_id,
            cost_micros=call.price.cost_micros(usage.input_tokens, usage.output_tokens),
            explanation=f"{call.purpose}: {call.price.explain(usage.input_tokens, usage.output_tokens)}",
            model=call.model,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
        )
        if self._costs is not None and isinstance(call, GatedCall) and call.on_the_house:
            tx.after_commit(partial(self._costs.count, call.purpose, settlement.overrun_micros))
        return settlement.charge_micros


class Answering:
    """Iterates over the answer as `Model.stream` does, and is settled by the time it ends."""

    def __init__(self, gate: ModelGate, call: GatedCall, batches: AsyncIterator[Sequence[ModelEvent]]) -> None:
        self._gate = gate
        self._batches = batches
        self.call = call

    def __aiter__(self) -> "Answering":
        return self

    async def __anext__(self) -> Sequence[ModelEvent]:
        try:
            batch = await anext(self._batches)
        except StopAsyncIteration:
            await self._gate.settle(self.call)
            raise
        if self.call.settlement is not None:
            raise ModelFailed("provider_unreachable", "The answer took longer than credit is held for.", accepted=True, fault="ours")
        self.call.meter.take(batch)
        return batch


def uncharged(model: Model, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[Sequence[ModelEvent]]]:
    """For whoever sits at the server's own command line: nothing is stored and nothing is charged."""
    return model.stream(request)


async def uncharged_embeddings(embedder: Embedder, texts: Sequence[str]) -> Embeddings:
    """Likewise."""
    return await embedder.embed(texts)


def _longest_answer(model: Model, request: ModelRequest, prompt_tokens: int) -> int:
    """What is asked of the model is what was held for, always."""
    asked = request.max_output_tokens or model.max_output_tokens
    return max(1, min(asked, model.max_output_tokens, model.context_tokens - prompt_tokens))
