"""The prompts of agents with the layers of users over them."""

import msgspec

from parlor.accounts import AccountDirectory, AccountNotFound
from parlor.agents.catalog.agent import base_prompt
from parlor.agents.catalog.registry import AgentRegistry
from parlor.core.clock import Clock
from parlor.core.db import Database
from parlor.prompts import BasePrompt, EffectivePrompt, PromptBook, standard_values
from parlor.tools import ToolCaller


class ShownPrompt(msgspec.Struct, frozen=True):
    """`text` as a model would get it now. The tag of the history stays in it: that is a session's."""

    prompt: EffectivePrompt
    text: str


class AgentPrompts:
    def __init__(self, db: Database, agents: AgentRegistry, book: PromptBook, directory: AccountDirectory, clock: Clock) -> None:
        self._db = db
        self._agents = agents
        self._book = book
        self._directory = directory
        self._clock = clock

    async def base(self, caller: ToolCaller, agent_name: str) -> BasePrompt:
        """Raises UnknownAgent."""
        return base_prompt(agent_name, await self._agents.definition(agent_name, caller))

    async def effective(self, caller: ToolCaller, agent_name: str) -> ShownPrompt:
        """Raises UnknownAgent, AccountNotFound."""
        definition = await self._agents.definition(agent_name, caller)
        account = await self._db.read(lambda tx: self._directory.find(tx, caller.account_id))
        if account is None:
            raise AccountNotFound
        prompt = self._book.compose(base_prompt(agent_name, definition), await self._book.layers(caller.account_id, agent_name))
        values = standard_values(account, agent_name=agent_name, agent_title=definition.title, now=self._clock.now())
        return ShownPrompt(prompt, prompt.render(values))
