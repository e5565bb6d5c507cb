"""Reads the Markdown files of agents again when they change, for as long as a server runs."""

import asyncio
from collections.abc import Sequence

import structlog

from parlor.agents.catalog.files import AgentFiles
from parlor.agents.catalog.operators import OperatorAgents
from parlor.agents.runtime_settings import AgentRuntimeSettings
from parlor.core.settings import RootSettings

logger = structlog.get_logger("parlor.agents")

_WATCH_SECONDS = 1.0


class AgentFileKeeper:
    def __init__(self, files: AgentFiles, operators: OperatorAgents, settings: AgentRuntimeSettings, root: RootSettings) -> None:
        self._files = files
        self._operators = operators
        self._watches = settings.watch if settings.watch is not None else root.environment == "development"

    async def live(self) -> None:
        """Until it is cancelled; where nothing is watched it ends at once."""
        if not self._watches:
            return
        stamp = await asyncio.to_thread(self._files.stamp)
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if (now := await asyncio.to_thread(self._files.stamp)) != stamp:
                stamp = now
                await self.reload()

    async def reload(self) -> Sequence[str]:
        """What is wrong with them; an agent whose file is wrong stays as it was."""
        problems = await asyncio.to_thread(self._operators.reload)
        for problem in problems:
            logger.warning("agent.file_problem", problem=problem)
        logger.info("agent.files_read", problems=len(problems))
        return problems
