"""Agents in the settings: one table `[agents.NAME]` each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from parlor.agents.definition import NAME_RULE, AgentDefinition, code_problems, is_agent_name

DEFAULT_AGENT = "assistant"

DEFAULT_TOOLS = ("calculator", "current_time", "*_*")
"""The last one is every tool of a server or a plugin (`server_tool`): the operator has added those to be used."""


class AgentsSettings(BaseModel):
    """`[agents.researcher]` and so on; `assistant` is there without being named."""

    model_config = ConfigDict(frozen=True, extra="allow")

    __pydantic_extra__: dict[str, AgentDefinition] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]  # how pydantic types extras

    assistant: AgentDefinition = AgentDefinition(title="Assistant", description="Answers questions, and computes.", tools=DEFAULT_TOOLS)

    def file_problems(self, place: Path, variables: Mapping[str, str]) -> Sequence[str]:
        """Of the graphs and objects that agents here are: a line for each that is not what it must be, naming the setting."""
        return code_problems({f"agents.{name}": each for name, each in self.definitions().items()}, place)

    def definitions(self) -> dict[str, AgentDefinition]:
        """A table for `assistant` that names no tools leaves it those that it has."""
        given = self.assistant.model_fields_set
        assistant = self.assistant if "tools" in given else self.assistant.model_copy(update={"tools": DEFAULT_TOOLS})
        return {DEFAULT_AGENT: assistant, **(self.__pydantic_extra__ or {})}

    @model_validator(mode="after")
    def _have_names(self) -> Self:
        if wrong := next((name for name in self.definitions() if not is_agent_name(name)), None):
            raise ValueError(f"{wrong[:100]!r} cannot be an agent's name: {NAME_RULE}")
        return self
