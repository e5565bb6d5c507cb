"""A book of prompts in a house on the test's own database, with two people."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import pytest
from dishka import AsyncContainer

from parlor.accounts import Application, SignUp
from parlor.prompts import BasePrompt, PromptBook
from parlor.testing import OpenHouse

T = TypeVar("T")
CHEAP: dict[str, Any] = {"auth.argon2_memory_kib": 8, "auth.argon2_time_cost": 1}
BASE = BasePrompt("assistant", "Be {{slot:tone|kind}}. Answer in {{slot:language}}.", locked_slots=("language",))


@dataclass
class Desk:
    container: AsyncContainer
    book: PromptBook
    ann: UUID
    bob: UUID

    async def get(self, kind: type[T]) -> T:
        return await self.container.get(kind)


OpenDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def open_desk(parlor_house: OpenHouse, database_url: str) -> AsyncIterator[OpenDesk]:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:

        async def open_it(**settings: Any) -> Desk:
            given = CHEAP | {"database.url": database_url} | {f"prompts.{name}": value for name, value in settings.items()}
            container = await stack.enter_async_context(parlor_house(settings=given))
            sign_up = await container.get(SignUp)
            ids = [(await sign_up.create(Application(email=f"{name}@example.com", password="a quiet river in may"))).id for name in ("ann", "bob")]
            return Desk(container, await container.get(PromptBook), *ids)

        yield open_it


@pytest.fixture
async def desk(open_desk: OpenDesk) -> Desk:
    return await open_desk()
