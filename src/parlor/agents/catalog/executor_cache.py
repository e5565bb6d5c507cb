"""Agents that are ready, by user and name: bounded, the least used first to go."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

import msgspec

from parlor.agents.catalog.agent import Agent
from parlor.agents.catalog.known import KnownAgent
from parlor.agents.catalog.metrics import CacheMetrics
from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.tools import Toolbox, ToolCaller

_Key = tuple[UUID, str]


class Entry(msgspec.Struct):
    """`of_operator` is what the operator has under this name, whoever may use it; `stamp` what the database said when it was last looked at."""

    agent: Agent
    toolbox: Toolbox
    caller: ToolCaller
    of_operator: KnownAgent | None
    stamp: Any
    checked_at: float

    def fits(self, caller: ToolCaller, toolbox: Toolbox, of_operator: KnownAgent | None) -> bool:
        return self.toolbox is toolbox and self.caller == caller and self.of_operator is of_operator


class ExecutorCache:
    def __init__(self, settings: AgentRuntimeSettings, metrics: CacheMetrics) -> None:
        self._size = settings.executor_cache_size
        self._metrics = metrics
        self._entries: OrderedDict[_Key, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, account_id: UUID, name: str) -> Entry | None:
        entry = self._entries.get((account_id, name))
        if entry is not None:
            self._entries.move_to_end((account_id, name))
        return entry

    def put(self, account_id: UUID, name: str, entry: Entry) -> None:
        self._metrics.misses.inc()
        self._drop([(account_id, name)])
        self._entries[account_id, name] = entry
        if len(self._entries) > self._size:
            self._drop([next(iter(self._entries))])

    def hit(self) -> None:
        self._metrics.hits.inc()

    @property
    def accounts(self) -> frozenset[UUID]:
        """Whose agents are ready."""
        return frozenset(account_id for account_id, _ in self._entries)

    def forget(self, name: str, account_id: UUID | None = None) -> None:
        """The agent of that name has changed, for that account or for everybody."""
        self._drop([key for key in self._entries if key[1] == name and account_id in (None, key[0])])

    def evict(self, account_ids: Collection[UUID]) -> None:
        """All agents of these accounts."""
        self._drop([key for key in self._entries if key[0] in account_ids])

    def _drop(self, keys: Iterable[_Key]) -> None:
        for key in keys:
            if self._entries.pop(key, None) is not None:
                self._metrics.evictions.inc()
