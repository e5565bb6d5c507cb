"""Which agents there are for whom, and those that are ready to be run."""

import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from parlor.agents import queries
from parlor.agents.catalog.agent import Agent, base_prompt, make_agent
from parlor.agents.catalog.executor_cache import Entry, ExecutorCache
from parlor.agents.catalog.known import KnownAgent
from parlor.agents.catalog.operators import OperatorAgents
from parlor.agents.catalog.stored import as_known
from parlor.agents.definition import AgentDefinition
from parlor.agents.errors import UnknownAgent
from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.agents.settings import DEFAULT_AGENT
from parlor.core.db import Database, Transaction
from parlor.prompts import PromptBook
from parlor.tools import Toolbox, ToolCaller

FRESH_SECONDS = 5.0
"""How long an agent that is ready is used without looking whether it has changed: other processes change them too."""


class AgentRegistry:
    """Of several agents of one name, the first that is open to the caller counts: of the settings, of a file, shared, their own."""

    def __init__(self, db: Database, operators: OperatorAgents, cache: ExecutorCache, prompts: PromptBook, settings: AgentRuntimeSettings) -> None:
        self._db = db
        self._operators = operators
        self._cache = cache
        self._prompts = prompts
        self._user_limits = settings.user_limits
        prompts.on_change(lambda account_id, name: cache.forget(name, account_id))

    def known(self, name: str | None, caller: ToolCaller, toolbox: Toolbox) -> Agent | None:
        """The agent, where it is ready and was looked at a moment ago: for where nothing can be waited for. None: ask `find`."""
        name = name or DEFAULT_AGENT
        entry = self._cache.get(caller.account_id, name)
        if entry is None or time.monotonic() - entry.checked_at >= FRESH_SECONDS or not entry.fits(caller, toolbox, self._operators.find(name)):
            return None
        self._cache.hit()
        return entry.agent

    async def find(self, name: str | None, caller: ToolCaller, toolbox: Toolbox) -> Agent:
        """The agent with the tools of this box, for this caller. None is the default agent. Raises UnknownAgent."""
        if (agent := self.known(name, caller, toolbox)) is not None:
            return agent
        name, now = name or DEFAULT_AGENT, time.monotonic()
        of_operator, entry = self._operators.find(name), self._cache.get(caller.account_id, name)
        stamp = await self._db.read(lambda tx: self._stamp(tx, name, caller, of_operator))
        if entry is not None and entry.fits(caller, toolbox, of_operator) and entry.stamp == stamp:
            entry.checked_at = now
            self._cache.hit()
            return entry.agent
        # The stamp was read first: what changes from here on makes it an old one.
        agent = await self._make(await self._resolve(name, caller), caller, toolbox)
        self._cache.put(caller.account_id, name, Entry(agent, toolbox, caller, of_operator, stamp, now))
        return agent

    async def definition(self, name: str | None, caller: ToolCaller) -> AgentDefinition:
        """None is the default agent. Raises UnknownAgent."""
        return (await self._resolve(name or DEFAULT_AGENT, caller)).definition

    async def get(self, name: str, caller: ToolCaller) -> KnownAgent:
        """As it is written down. Raises UnknownAgent."""
        return await self._resolve(name, caller)

    async def visible(self, caller: ToolCaller) -> Sequence[KnownAgent]:
        """All that this caller may use, by name."""
        rows = await self._db.read(lambda tx: queries.open_to(tx, caller.account_id))
        first: dict[str, KnownAgent] = {}
        for each in (*self._operators.all(), *self._in_order(rows)):
            if each.is_open_to(caller):
                first.setdefault(each.name, each)
        return [first[name] for name in sorted(first)]

    def forget(self, name: str, account_id: UUID | None = None) -> None:
        """The agent of that name, or what its prompt is made of, has changed: for that account, or for everybody."""
        self._cache.forget(name, account_id)

    @property
    def ready_for(self) -> frozenset[UUID]:
        """The accounts that agents are kept ready for."""
        return self._cache.accounts

    def evict(self, account_ids: Collection[UUID]) -> None:
        """What is kept ready for these accounts is dropped."""
        self._cache.evict(account_ids)

    async def _resolve(self, name: str, caller: ToolCaller) -> KnownAgent:
        of_operator = self._operators.find(name)
        if of_operator is not None and of_operator.is_open_to(caller):
            return of_operator
        rows = await self._db.read(lambda tx: queries.called(tx, name, caller.account_id))
        found = next((each for each in self._in_order(rows) if each.is_open_to(caller)), None)
        if found is None:
            raise UnknownAgent()
        return found

    def _in_order(self, rows: Iterable[Any]) -> list[KnownAgent]:
        """Shared ones first."""
        return sorted((as_known(row, self._user_limits) for row in rows), key=lambda each: (each.owner_id is not None, each.name))

    async def _make(self, known: KnownAgent, caller: ToolCaller, toolbox: Toolbox) -> Agent:
        layers = await self._prompts.layers(caller.account_id, known.name)
        return make_agent(known, self._prompts.compose(base_prompt(known.name, known.definition), layers), toolbox)

    def _stamp(self, tx: Transaction, name: str, caller: ToolCaller, of_operator: KnownAgent | None) -> Any:
        """What is compared to see whether an agent that is ready has changed."""
        is_stored = of_operator is None or not of_operator.is_open_to(caller)
        return queries.stamp(tx, name, caller.account_id) if is_stored else (), self._prompts.stamp(tx, caller.account_id, name)
