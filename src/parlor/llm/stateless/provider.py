"""What the container builds for stateless calls."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from parlor.core.db import Database
from parlor.core.idempotency import Idempotency
from parlor.llm.settings import LlmSettings
from parlor.llm.stateless.analysis import Analyst
from parlor.llm.stateless.call_limit import CallLimit
from parlor.llm.stateless.calls import ModelCalls
from parlor.llm.stateless.chat import StatelessChat
from parlor.llm.stateless.kept_answers import KeptAnswers
from parlor.llm.stateless.keyed import KeyedCalls
from parlor.llm.stateless.structured import StructuredCalls

if TYPE_CHECKING:
    from dishka import Provider


async def _keyed(db: Database, idempotency: Idempotency, settings: LlmSettings) -> AsyncIterator[KeyedCalls]:
    keyed = KeyedCalls(db, idempotency, settings)
    yield keyed
    await keyed.close()


def provide_stateless(provider: "Provider") -> None:
    provider.provide(_keyed)
    provider.provide_all(Analyst, CallLimit, KeptAnswers, ModelCalls, StatelessChat, StructuredCalls)
