"""The whole house in the test's own loop, behind uvicorn's protocol on a real socket, with a fake provider called `main` or a scripted model."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from dishka import AsyncContainer, Provider, Scope
from dishka.provider import BaseProvider
from uvicorn.server import ServerState

from bench.fake_model import FakeModel
from parlor.config import load_settings
from parlor.core.collected import Invariants
from parlor.core.db import Database
from parlor.core.invariants import check_invariants
from parlor.core.web.protocol import bounded
from parlor.core.web.settings import ServerSettings
from parlor.llm import EVERYBODY, Model, ModelAccess, ModelRegistry
from parlor.main import create_app, lend
from parlor.module import discover
from parlor.opening import running_house
from parlor.tools import Tool, ToolPolicy, ToolRegistry, ToolSource
from parlor.tools.builtin.calculator import Calculator
from tests.support.chat import WAIT_SECONDS, Person, signed_up

T = TypeVar("T")

QUICK: dict[str, Any] = {
    "auth.argon2_memory_kib": 8,
    "auth.argon2_time_cost": 1,
    "log.level": "error",
    "server.allowed_hosts": ["*"],
    "turns.checkpoint_seconds": 0.05,
}
"""Settings that make a house quick to test, by path."""


class KnownModels:
    """In the place of the registry: these models, the first of which is the default."""

    def __init__(self, *models: Model) -> None:
        self._models = {model.name: model for model in models}

    def known(self, name: str | None, access: ModelAccess = EVERYBODY) -> Model | None:
        return self._models.get(name) if name is not None else next(iter(self._models.values()))

    async def find(self, name: str | None, access: ModelAccess = EVERYBODY) -> Model:
        from parlor.llm import UnknownModel

        if (model := self.known(name)) is None:
            raise UnknownModel("There is no such model.")
        return model

    async def is_kept(self, name: str) -> bool:
        return False

    async def list(self, access: ModelAccess = EVERYBODY) -> Sequence[Any]:
        return []

    kinds = frozenset[str]()

    async def providers(self) -> Sequence[Any]:
        return []

    async def startup_lines(self, _address: str) -> Sequence[str]:
        return []

    async def close(self) -> None: ...


def _overrides(models: Sequence[Model], tools: Sequence[Tool | ToolSource]) -> Sequence[BaseProvider]:
    provider = Provider(scope=Scope.APP)
    if models:
        provider.provide(lambda: KnownModels(*models), provides=ModelRegistry)
    if tools:

        def registry(policy: ToolPolicy) -> ToolRegistry:
            return ToolRegistry([Calculator(), *tools], policy)

        provider.provide(registry)
    return [provider]


@dataclass
class ServedHouse:
    base_url: str
    container: AsyncContainer
    fake: FakeModel
    stack: AsyncExitStack

    async def get(self, kind: type[T]) -> T:
        return await self.container.get(kind)

    async def person(self, name: str | None = None) -> Person:
        return await self.stack.enter_async_context(signed_up(self.base_url, name))

    async def violations(self) -> list[str]:
        """Of everything that must hold in what is stored."""
        found = await check_invariants(await self.get(Database), await self.get(Invariants))
        return [f"{each.code}: {each.sentence}" for each in found]


@asynccontextmanager
async def serve_house(
    folder: Path,
    database_url: str,
    *models: Model,
    tools: Sequence[Tool | ToolSource] = (),
    providers: Sequence[BaseProvider] = (),
    settings: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
) -> AsyncGenerator[ServedHouse]:
    """With `models` these answer; without, the fake provider's (`fake` unless a message names another). The default agent may use `tools` as well.
    With an `environment` it says which providers there are.

    Checks all invariants at the end.
    """
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(FakeModel())
        given = {
            "data_dir": str(folder / "data"),
            "database.url": database_url,
            **({} if environment else {"llm.providers": {"main": {"kind": "openai", "base_url": fake.base_url}}, "llm.default_model": "main/fake"}),
            **QUICK,
            **({"agents.assistant": {"tools": ["*"]}} if tools else {}),
            **(settings or {}),
        }
        chosen = load_settings(discover(), environment or {}, folder, overrides=given)
        overrides = [*_overrides(models, tools), *providers]
        house = await stack.enter_async_context(running_house(chosen, overrides=overrides))
        app = create_app(chosen, overrides=overrides)
        lend(app, house.container)
        port = await stack.enter_async_context(_listening(app, chosen.group(ServerSettings)))
        house.start_residents()
        people = await stack.enter_async_context(AsyncExitStack())
        served = ServedHouse(f"http://127.0.0.1:{port}", house.container, fake, people)
        yield served
        await people.aclose()
        assert await served.violations() == []


@asynccontextmanager
async def _listening(app: Any, settings: ServerSettings) -> AsyncGenerator[int]:
    """The port of the app, served in this loop."""
    config = uvicorn.Config(app, http=bounded(settings), ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: bounded(settings)(config=config, server_state=state, app_state={}), "127.0.0.1", 0, backlog=1024)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        if state.tasks:
            _, late = await asyncio.wait(state.tasks, timeout=WAIT_SECONDS)
            assert not late, "a request did not end with its connection"
