"""How the services of turns are built, started and stopped."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from dishka import Provider, Scope

from parlor.core.db import Database
from parlor.core.lifecycle import Shutdown
from parlor.turns.answering import AnswerBook
from parlor.turns.closing import TurnCloser
from parlor.turns.engine import TurnEngine
from parlor.turns.pausing import TurnPauser
from parlor.turns.reading import TurnReader
from parlor.turns.settings import TurnSettings
from parlor.turns.steps import StepBook
from parlor.turns.sweep import TurnSweep
from parlor.turns.unattended import UnattendedTurns
from parlor.turns.user_data import TurnUserData


async def _engine(db: Database, closer: TurnCloser, pauser: TurnPauser, settings: TurnSettings, shutdown: Shutdown) -> AsyncIterator[TurnEngine]:
    """Turns drain as soon as shutdown is asked for: the server waits for their readers before it takes the house down."""
    engine = TurnEngine(db, closer, pauser, settings)
    waiting = asyncio.create_task(_drain_when_asked(engine, shutdown), name="drain of turns")
    yield engine
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await engine.close()


async def _drain_when_asked(engine: TurnEngine, shutdown: Shutdown) -> None:
    await shutdown.requested.wait()
    await engine.drain()


def turns_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(_engine)
    provider.provide_all(AnswerBook, TurnCloser, TurnPauser, TurnReader, StepBook, TurnSweep, TurnUserData, UnattendedTurns)
    return provider
