import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from bench.fake_model import FakeModel
from parlor.core.outbound import Outbound, OutboundSettings, Timeouts
from parlor.llm import (
    Finished,
    Model,
    ModelEvent,
    ModelMessage,
    ModelRequest,
    ProviderState,
    ReasoningDelta,
    StateSeen,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageSeen,
)
from parlor.llm.endpoints import endpoint_of
from parlor.llm.providers.refusals import Patience
from parlor.llm.providers.remote import RemoteModel
from parlor.llm.providers.wire import Target
from parlor.llm.settings import ProviderSettings
from parlor.wallet import Price
from tests.support.house_fixtures import house, open_served

__all__ = ["house", "open_served"]

KEY = "sk-secret-canary"
CHEAP = Price(1, 1)
QUICK = Timeouts(connect_seconds=2, first_byte_seconds=0.3, idle_seconds=0.3, total_seconds=5)
IMPATIENT = Patience(first_wait_seconds=0.01)

Make = Callable[..., RemoteModel]


@pytest.fixture
async def fake() -> AsyncIterator[FakeModel]:
    async with FakeModel() as fake:
        yield fake


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(OutboundSettings())
    yield outbound
    await outbound.close()


@pytest.fixture
def make(fake: FakeModel, outbound: Outbound) -> Make:
    """A model at the fake, or at another base URL."""

    def make(
        base_url: str | None = None,
        *,
        model: str = "fake",
        timeouts: Timeouts = QUICK,
        patience: Patience = IMPATIENT,
        price: Price = Price(1, 1),
        **provider: Any,
    ) -> RemoteModel:
        settings = ProviderSettings(base_url=base_url or fake.base_url, **{"api_key": KEY, **provider})
        target = Target(endpoint_of("main", settings), model, max_output_tokens=4_096)
        return RemoteModel(target, outbound, price_now=lambda: price, context_tokens=32_768, timeouts=timeouts, patience=patience)

    return make


def asks(text: str = "hi", **more: Any) -> ModelRequest:
    return ModelRequest([ModelMessage("user", text)], **more)


class Heard:
    """A whole answer, put together as a turn would."""

    def __init__(self) -> None:
        self.batches: list[Sequence[ModelEvent]] = []
        self._grew = asyncio.Condition()

    async def add(self, batch: Sequence[ModelEvent]) -> None:
        self.batches.append(batch)
        async with self._grew:
            self._grew.notify_all()

    async def has_text(self, ending: str) -> None:
        async with self._grew:
            await self._grew.wait_for(lambda: self.text.endswith(ending))

    @property
    def events(self) -> list[ModelEvent]:
        return [event for batch in self.batches for event in batch]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ReasoningDelta))

    @property
    def usage(self) -> Usage | None:
        return next((event.usage for event in self.events if isinstance(event, UsageSeen)), None)

    @property
    def state(self) -> ProviderState | None:
        return next((event.state for event in self.events if isinstance(event, StateSeen)), None)

    @property
    def finish(self) -> str | None:
        return next((event.reason for event in self.events if isinstance(event, Finished)), None)

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        """(call id, name, arguments) by index."""
        calls: dict[int, list[str]] = {}
        for event in self.events:
            if isinstance(event, ToolCallDelta):
                if event.index not in calls:
                    calls[event.index] = [event.call_id or "", event.name or "", ""]
                calls[event.index][2] += event.arguments
        return [(call[0], call[1], call[2]) for _, call in sorted(calls.items())]


async def hear(model: Model, request: ModelRequest | None = None, heard: Heard | None = None) -> Heard:
    """`heard` keeps what came before a failure."""
    heard = heard if heard is not None else Heard()
    async with asyncio.timeout(10), model.stream(request or asks()) as events:
        async for batch in events:
            await heard.add(batch)
    return heard
