"""The agents room."""

from typing import TYPE_CHECKING

from parlor.agents.settings import AgentsSettings
from parlor.module import Module

if TYPE_CHECKING:
    import dishka


def _provider() -> "dishka.Provider":
    from parlor.agents.provider import agents_provider

    return agents_provider()


module = Module(name="agents", settings=AgentsSettings, requires=("tools",), provider=_provider)
