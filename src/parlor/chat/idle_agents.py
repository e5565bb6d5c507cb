"""Drops what is kept ready of agents for users who have no active session any more, for as long as a server runs: in each process its own."""

import asyncio
import random

import structlog

from parlor.agents import AgentRegistry, AgentRuntimeSettings
from parlor.chat import session_queries
from parlor.core.db import Database

logger = structlog.get_logger("parlor.chat")


class IdleAgents:
    def __init__(self, db: Database, agents: AgentRegistry, settings: AgentRuntimeSettings) -> None:
        self._db = db
        self._agents = agents
        self._every_seconds = settings.evict_every_seconds

    async def live(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(self._every_seconds * random.uniform(0.8, 1.2))  # not all replicas at once
            try:
                await self.evict()
            except Exception as error:  # the database may be away for a while
                logger.error("agents.not_evicted", exc_info=error)

    async def evict(self) -> None:
        accounts = self._agents.ready_for
        if accounts:
            active = await self._db.read(lambda tx: session_queries.having_active_session(tx, accounts))
            self._agents.evict(accounts - active)
