"""The agents room."""

from typing import TYPE_CHECKING

from parlor.agents.settings import AgentsSettings
from parlor.module import Module

if TYPE_CHECKING:
    import dishka


def _provider() -> "dishka.Provider":
    from parlor.agents.provider import AgentsProvider

    return AgentsProvider()


module = Module(name="agents", settings=AgentsSettings, requires=("tools",), provider=_provider)
