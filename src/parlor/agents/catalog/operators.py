"""The operator's own agents: tables of parlor.toml before Markdown files. They change by being written anew, never over the API."""

from collections.abc import Iterable, Mapping, Sequence

import structlog

from parlor.agents.catalog.files import AgentFiles
from parlor.agents.catalog.known import KnownAgent
from parlor.agents.settings import AgentsSettings
from parlor.core.errors import Misconfigured

logger = structlog.get_logger("parlor.agents")


class OperatorAgents:
    """Raises Misconfigured when it is made and a file cannot be read; later such a file leaves its agent as it was."""

    def __init__(self, settings: AgentsSettings, files: AgentFiles) -> None:
        self._files = files
        self._of_settings = {name: KnownAgent(name, each, "settings") for name, each in settings.definitions().items()}
        self._agents: Mapping[str, KnownAgent] = dict(self._of_settings)
        self.problems: Sequence[str] = ()
        if problems := self.reload():
            raise Misconfigured("\n".join(problems), problems=list(problems))

    def find(self, name: str) -> KnownAgent | None:
        """The same object while nothing of it has changed."""
        return self._agents.get(name)

    def all(self) -> Iterable[KnownAgent]:
        return self._agents.values()

    def reload(self) -> Sequence[str]:
        """Read the files again; what is wrong with them. Blocks for as long as a few small files take."""
        read, before = self._files.read(), self._agents
        kept = {name: before[name] for name in read.bad if name in before}
        found = {**kept, **read.agents, **self._of_settings}
        self._agents = {name: before[name] if before.get(name) == each else each for name, each in sorted(found.items())}
        self.problems = read.problems
        return read.problems

    @property
    def code(self) -> frozenset[str]:
        """What the operator's agents name as graphs and objects: code that may run here."""
        return frozenset(name for each in self._agents.values() for name in (each.definition.graph, each.definition.object) if name)
