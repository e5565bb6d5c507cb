"""The prompt of an agent as it is for one turn: with what it wants to know of the person and of the conversation."""

from collections.abc import Mapping
from uuid import UUID

from parlor.accounts import AccountDirectory
from parlor.agents.catalog.agent import Agent
from parlor.core.clock import Clock
from parlor.core.db import Database
from parlor.prompts import user_facts

NOTHING: Mapping[str, str] = {}


class TurnPrompts:
    def __init__(self, db: Database, directory: AccountDirectory, clock: Clock) -> None:
        self._db = db
        self._directory = directory
        self._clock = clock

    async def render(self, agent: Agent, account_id: UUID, history: str) -> str:
        """`history` is what was said before the question, as one string. The database is asked only when the prompt names something of the user."""
        user = await self._facts(account_id) if any(name.startswith("user.") for name in agent.prompt.names) else NOTHING
        return agent.render_prompt(self._clock.now(), user, history if agent.uses_history else None)

    async def _facts(self, account_id: UUID) -> Mapping[str, str]:
        account = await self._db.read(lambda tx: self._directory.find(tx, account_id))
        return NOTHING if account is None else user_facts(account)
