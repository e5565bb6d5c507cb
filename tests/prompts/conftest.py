"""A book of prompts in a house on the test's own database, with two people."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import pytest
from dishka import AsyncContainer

from parlor.accounts import Application, SignUp
from parlor.core.ids import new_id
from parlor.module import Module, discover
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
    ann_email: str
    bob_email: str

    async def get(self, kind: type[T]) -> T:
        return await self.container.get(kind)


OpenDesk = Callable[..., Awaitable[Desk]]


@asynccontextmanager
async def desk_of(parlor_house: OpenHouse, database_url: str, *modules: Module, **settings: Any) -> AsyncGenerator[Desk]:
    """`settings` are those of the room."""
    given = CHEAP | {"database.url": database_url} | {f"prompts.{name}": value for name, value in settings.items()}
    async with parlor_house(*(found.module.name for found in discover()), *modules, settings=given) as container:
        sign_up = await container.get(SignUp)
        emails = [f"{name}-{new_id()}@example.com" for name in ("ann", "bob")]
        ann, bob = [(await sign_up.create(Application(email=email, password="a quiet river in may"))).id for email in emails]
        yield Desk(container, await container.get(PromptBook), ann, bob, *emails)


@pytest.fixture
async def open_desk(parlor_house: OpenHouse, database_url: str) -> AsyncIterator[OpenDesk]:
    async with AsyncExitStack() as stack:

        async def open_it(**settings: Any) -> Desk:
            return await stack.enter_async_context(desk_of(parlor_house, database_url, **settings))

        yield open_it


@pytest.fixture
async def desk(open_desk: OpenDesk) -> Desk:
    return await open_desk()
