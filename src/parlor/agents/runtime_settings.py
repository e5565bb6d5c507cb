"""Settings of the room: where agents are written down beside parlor.toml, what users may make, how many are kept ready."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from parlor.agents.definition import AgentLimits, code_problems

if TYPE_CHECKING:
    from parlor.agents.catalog.files import AgentFiles


class AgentRuntimeSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    agents_dir: Path | None = Field(default=None, description="The folder with agents, NAME.md each; unset is agents beside parlor.toml, if it is there.")
    watch: bool | None = Field(default=None, description="Read that folder again whenever it changes; unset is on in development.")
    allow_user_agents: bool = Field(default=True, description="Users may make agents of their own, which nobody else sees.")
    user_agents_most: int = Field(default=50, ge=0, description="How many agents a user may have.")
    user_limits: AgentLimits = Field(
        default=AgentLimits(steps=50, tool_calls=200, wall_seconds=600), description="The limits that no agent of a user is above, whatever it says."
    )
    executor_cache_size: int = Field(default=1000, ge=1, description="How many agents, each ready for one user, a process keeps.")
    evict_every_seconds: float = Field(default=300, gt=0, description="How often those of users without an active session are dropped, give or take a fifth.")

    def files(self, place: Path) -> "AgentFiles":
        """`place` is where parlor.toml is."""
        from parlor.agents.catalog.files import AgentFiles

        return AgentFiles(self.agents_dir, place)

    def file_problems(self, place: Path, _variables: Mapping[str, str]) -> Sequence[str]:
        """Of the files, and of the graphs and objects that they name."""
        read = self.files(place).read()
        named = {str(each.file): each.definition for each in read.agents.values()}
        return [*read.problems, *code_problems(named, place)]
