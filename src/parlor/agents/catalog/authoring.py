"""Making, changing and deleting agents over the API: who may, and what."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from parlor.accounts import Caller
from parlor.agents import queries
from parlor.agents.catalog.known import KnownAgent
from parlor.agents.catalog.operators import OperatorAgents
from parlor.agents.catalog.registry import AgentRegistry
from parlor.agents.catalog.stored import as_known
from parlor.agents.definition import AgentDefinition
from parlor.agents.errors import (
    AgentChangedMeanwhile,
    AgentCodeRefused,
    AgentNameTaken,
    AgentOfOperator,
    GroupsRefused,
    NotYourAgent,
    TooManyAgents,
    UnknownAgent,
    UnnamedAgentCode,
    UserAgentsOff,
)
from parlor.agents.events import AgentChanged, AgentCreated, AgentDeleted
from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.llm import ModelAccess, ModelRegistry
from parlor.tools import ToolCaller


class AgentAuthoring:
    """An administrator's agents are for others too; anybody else's are their own."""

    def __init__(
        self, db: Database, events: Events, registry: AgentRegistry, operators: OperatorAgents, models: ModelRegistry, settings: AgentRuntimeSettings
    ) -> None:  # fmt: skip
        self._db = db
        self._events = events
        self._registry = registry
        self._operators = operators
        self._models = models
        self._settings = settings

    async def create(self, caller: Caller, name: str, definition: AgentDefinition) -> KnownAgent:
        """Raises UserAgentsOff, AgentNameTaken, TooManyAgents, and what `_check` does."""
        if not caller.is_admin and not self._settings.allow_user_agents:
            raise UserAgentsOff
        await self._check(caller, definition)
        asks, owner_id = ToolCaller.of(caller), None if caller.is_admin else caller.account_id
        of_operator = self._operators.find(name)
        if of_operator is not None and of_operator.is_open_to(asks):
            raise AgentNameTaken(name)

        def write(tx: Transaction) -> Any:
            same_name = [as_known(row, self._settings.user_limits) for row in queries.called(tx, name, caller.account_id)]
            if any(each.owner_id == owner_id or (each.owner_id is None and each.is_open_to(asks)) for each in same_name):
                raise AgentNameTaken(name)
            if owner_id is not None and queries.count(tx, owner_id) >= self._settings.user_agents_most:
                raise TooManyAgents(self._settings.user_agents_most)
            row = queries.add(tx, id=new_id(), key=queries.key_of(name, owner_id), owner_id=owner_id, name=name, definition=_stored(definition))
            if row is None:  # somebody was faster
                raise AgentNameTaken(name)
            queries.add_version(tx, row, caller.account_id)
            self._events.record(tx, AgentCreated(account_id=caller.account_id, agent=name, is_shared=owner_id is None))
            return row

        return self._written(await self._db.write(write))

    async def replace(self, caller: Caller, name: str, definition: AgentDefinition, before: int | None = None) -> KnownAgent:
        """A new version as a whole; the same again makes none. With `before` only of that version.

        Raises UnknownAgent, AgentOfOperator, NotYourAgent, AgentChangedMeanwhile, and what `_check` does.
        """
        known = await self._changeable(caller, name)
        if before is not None and before != known.version:
            raise AgentChangedMeanwhile(known.version or 0)
        await self._check(caller, definition)

        def write(tx: Transaction) -> Any:
            now = _row_of(tx, known, caller.account_id)
            if now.definition == _stored(definition):
                return now
            row = queries.change(tx, now.id, now.version if before is None else before, _stored(definition))
            if row is None:
                raise AgentChangedMeanwhile(now.version)
            queries.add_version(tx, row, caller.account_id)
            self._events.record(tx, AgentChanged(account_id=caller.account_id, agent=name, is_shared=row.owner_id is None, version=row.version))
            return row

        return self._written(await self._db.write(write))

    async def delete(self, caller: Caller, name: str) -> None:
        """With all its versions. Raises UnknownAgent, AgentOfOperator, NotYourAgent."""
        known = await self._changeable(caller, name)

        def write(tx: Transaction) -> None:
            row = _row_of(tx, known, caller.account_id)
            queries.remove(tx, row.id)
            self._events.record(tx, AgentDeleted(account_id=caller.account_id, agent=name, is_shared=row.owner_id is None))

        await self._db.write(write)
        self._registry.forget(name, known.owner_id)

    async def versions(self, caller: Caller, name: str, before: int, most: int) -> Sequence[Any]:
        """The newest first; of what the operator has written there are none. Raises UnknownAgent, NotYourAgent."""
        known = await self._registry.get(name, ToolCaller.of(caller))
        if known.id is None:
            return ()
        self._refuse_others(caller, known)
        agent_id = known.id
        return await self._db.read(lambda tx: queries.versions(tx, agent_id, before, most))

    async def _check(self, caller: Caller, definition: AgentDefinition) -> None:
        """Raises AgentCodeRefused, UnnamedAgentCode, GroupsRefused, UnknownModel."""
        if not caller.is_admin and definition.kind != "loop":
            raise AgentCodeRefused
        if not caller.is_admin and definition.groups:
            raise GroupsRefused
        code = definition.graph or definition.object
        if code is not None and code not in self._operators.code:
            raise UnnamedAgentCode
        if definition.model is not None:
            await self._models.find(definition.model, ModelAccess.of(caller))

    async def _changeable(self, caller: Caller, name: str) -> KnownAgent:
        known = await self._registry.get(name, ToolCaller.of(caller))
        if known.source != "stored":
            raise AgentOfOperator(name, "parlor.toml" if known.file is None else known.file.name)
        self._refuse_others(caller, known)
        return known

    @staticmethod
    def _refuse_others(caller: Caller, known: KnownAgent) -> None:
        if known.owner_id != caller.account_id and not (known.owner_id is None and caller.is_admin):
            raise NotYourAgent

    def _written(self, row: Any) -> KnownAgent:
        self._registry.forget(row.name, row.owner_id)
        return as_known(row, self._settings.user_limits)


def _row_of(tx: Transaction, known: KnownAgent, account_id: UUID) -> Any:
    """As it is now. Raises UnknownAgent when it was deleted a moment ago."""
    row = next((each for each in queries.called(tx, known.name, account_id) if each.id == known.id), None)
    if row is None:
        raise UnknownAgent
    return row


def _stored(definition: AgentDefinition) -> dict[str, Any]:
    return definition.model_dump(mode="json")
