"""The prompt of an agent as it is for one turn: with what it wants to know of the person and of the conversation."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from parlor.accounts import AccountDirectory
from parlor.agents.catalog.agent import Agent
from parlor.core.clock import Clock
from parlor.core.db import Database
from parlor.llm import ModelMessage
from parlor.prompts import user_facts

NOTHING: Mapping[str, str] = {}
_SPEAKERS = {"user": "User", "assistant": "Assistant", "system": "Note"}
"""What tools said is left out, as whoever writes about a conversation would."""


class TurnPrompts:
    def __init__(self, db: Database, directory: AccountDirectory, clock: Clock) -> None:
        self._db = db
        self._directory = directory
        self._clock = clock

    async def render(self, agent: Agent, account_id: UUID, history: Sequence[ModelMessage]) -> str:
        """`history` without the question. The database is asked only when the prompt names something of the user."""
        user = await self._facts(account_id) if any(name.startswith("user.") for name in agent.prompt.names) else NOTHING
        return agent.render_prompt(self._clock.now(), user, as_text(history) if agent.uses_history else None)

    async def _facts(self, account_id: UUID) -> Mapping[str, str]:
        account = await self._db.read(lambda tx: self._directory.find(tx, account_id))
        return NOTHING if account is None else user_facts(account)


def as_text(messages: Sequence[ModelMessage]) -> str:
    """A conversation as one string: `User: ...`, an empty line, `Assistant: ...`."""
    return "\n\n".join(f"{_SPEAKERS[each.role]}: {each.text}" for each in messages if each.role in _SPEAKERS and each.text)
