"""For the tests of modules, ours and yours: a house on a temporary folder, a model that follows a script, a clock that you move.

pytest loads this by itself wherever Parlor is installed, so it imports the rest only when a test asks for it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pytest

if TYPE_CHECKING:
    from dishka import AsyncContainer
    from dishka.provider import BaseProvider

    from parlor.llm import ModelEvent, ModelRequest
    from parlor.module import Module
    from parlor.wallet import Price

WAIT_SECONDS = 10.0
"""How long a barrier waits before the test fails: long enough for a busy machine, short enough to be bounded."""


class OpenHouse(Protocol):
    def __call__(
        self,
        *modules: "str | Module",
        settings: Mapping[str, Any] | None = None,
        overrides: "Iterable[BaseProvider]" = (),
    ) -> "AbstractAsyncContextManager[AsyncContainer]":
        """A house of these modules, what they require and the ground; of all that are found when none is named.

        A module is named, or given as a value when it is not installed. `settings` are by path ({"wallet.initial_bonus_micros": 0}) and nothing
        else is read: neither the environment nor a file. The database is a new one in a temporary folder (set "database.url" for another), and
        migrated. `overrides` are dishka providers that replace what the modules provide.
        """
        ...


@pytest.fixture
def parlor_house(tmp_path: Path) -> OpenHouse:
    """`async with parlor_house("wallet") as container: wallet = await container.get(WalletService)`."""

    def open_house(
        *modules: "str | Module", settings: Mapping[str, Any] | None = None, overrides: "Iterable[BaseProvider]" = ()
    ) -> "AbstractAsyncContextManager[AsyncContainer]":
        return _open_house(tmp_path, modules, settings or {}, overrides)

    return open_house


@asynccontextmanager
async def _open_house(
    folder: Path, modules: "Sequence[str | Module]", given: Mapping[str, Any], overrides: "Iterable[BaseProvider]"
) -> "AsyncGenerator[AsyncContainer]":
    from parlor.config import load_settings
    from parlor.core.db import DatabaseSettings, migrate
    from parlor.module import Found, Module, closure, discover
    from parlor.wiring import open_house

    own = [Found(module, "test", is_on=True) for module in modules if isinstance(module, Module)]
    settings = load_settings([*discover(), *own], {}, folder, overrides={"data_dir": str(folder / "parlor"), **given})
    names = [module if isinstance(module, str) else module.name for module in modules]
    chosen = closure(settings.modules, names) if names else settings.modules
    revisions = [module.migrations for module in chosen if module.migrations is not None]
    await migrate.upgrade(settings.group(DatabaseSettings), settings.root, revisions)
    async with open_house(settings, chosen, overrides=overrides) as container:
        yield container


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class Barrier:
    """A place in a script where the model waits. The test waits until it has `reached` it, looks around, and opens it."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        self._opened.set()

    async def reached(self) -> None:
        await asyncio.wait_for(self._reached.wait(), WAIT_SECONDS)

    async def wait(self) -> None:
        self._reached.set()
        await self._opened.wait()


Step: TypeAlias = "ModelEvent | Sequence[ModelEvent] | Barrier | asyncio.Event | BaseException"
"""An event; events that one network read brought together; a place to wait; an error to raise."""


class ScriptedModel:
    """A model that answers the first request with the first reply, the second with the second, and an `AssertionError` when there is none left.

    `requests` are those it was asked, in order. `open_streams` is 0 once everybody has left; `closed` is set whenever one leaves.
    As the port demands, a reply that ends without `Finished` raises `ModelFailed`.
    """

    def __init__(
        self,
        *replies: Sequence[Step],
        name: str = "test/scripted",
        price: "Price | None" = None,
        max_output_tokens: int = 4096,
        context_tokens: int = 32_768,
    ) -> None:
        from parlor.wallet import Price

        self.name = name
        self.price = price or Price(input_micros_per_mtok=1_000_000, output_micros_per_mtok=1_000_000)
        self.max_output_tokens = max_output_tokens
        self.context_tokens = context_tokens
        self.requests: list[ModelRequest] = []
        self.open_streams = 0
        self.closed = asyncio.Event()
        self._replies = list(replies)

    @asynccontextmanager
    async def stream(self, request: "ModelRequest") -> "AsyncGenerator[AsyncIterator[Sequence[ModelEvent]]]":
        self.requests.append(request)
        if len(self.requests) > len(self._replies):
            raise AssertionError(f"{self.name} was asked {len(self.requests)} times, and its script has {len(self._replies)} replies")
        self.open_streams += 1
        try:
            async with aclosing(_play(self._replies[len(self.requests) - 1])) as events:
                yield events
        finally:
            self.open_streams -= 1
            self.closed.set()


async def _play(reply: Iterable[Step]) -> "AsyncGenerator[Sequence[ModelEvent]]":
    from parlor.llm import Finished, ModelFailed

    is_finished = False
    for step in reply:
        if isinstance(step, (Barrier, asyncio.Event)):
            await step.wait()
        elif isinstance(step, BaseException):
            raise step
        else:
            events = step if isinstance(step, Sequence) else (step,)
            is_finished = is_finished or any(isinstance(event, Finished) for event in events)
            yield events
    if not is_finished:
        raise ModelFailed("provider_protocol", "The script ends without Finished.", accepted=True)


def says(text: str, *, input_tokens: int = 10, output_tokens: int | None = None) -> "list[Step]":
    """A reply that streams `text` word by word, then its usage (a token a word, unless given), and stops."""
    from parlor.llm import Finished, TextDelta, Usage, UsageSeen

    words = [word for word in text.replace(" ", " \0").split("\0") if word]
    usage = Usage(input_tokens=input_tokens, output_tokens=len(words) if output_tokens is None else output_tokens)
    return [*(TextDelta(text=word) for word in words), UsageSeen(usage=usage), Finished(reason="stop")]
