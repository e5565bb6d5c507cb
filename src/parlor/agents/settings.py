"""Agents in the settings: one table `[agents.NAME]` each."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_AGENT = "assistant"

DEFAULT_PROMPT = (
    "You are a helpful assistant. Answer in the language of the question. Use a tool when it gives a surer answer than you would; say so when you do not know."
)


DEFAULT_TOOLS = ("calculator", "current_time", "*_*")
"""The last one is every tool of a server or a plugin (`server_tool`): the operator has added those to be used."""


class AgentLimits(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=12, ge=1, le=200, description="Calls of the model in one turn.")
    tool_calls: int = Field(default=50, ge=0, le=1000, description="Tool calls in one turn.")


class AgentDefinition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    description: str = ""
    model: str | None = Field(default=None, description="The model it uses when the session and the message name none.")
    system_prompt: str = DEFAULT_PROMPT
    tools: tuple[str, ...] = Field(default=(), description="Names or globs of the tools it may use.")
    tool_policy: dict[str, Literal["allow", "ask", "deny"]] = Field(
        default_factory=dict[str, Literal["allow", "ask", "deny"]],
        description="Globs of tools: ask or deny, where this agent is to be stricter than [tools.policy].",
    )
    params: dict[str, Any] = Field(default_factory=dict[str, Any], description="temperature, top_p, max_tokens, stop.")
    limits: AgentLimits = AgentLimits()


class AgentsSettings(BaseModel):
    """`[agents.researcher]` and so on; `assistant` is there without being named."""

    model_config = ConfigDict(frozen=True, extra="allow")

    __pydantic_extra__: dict[str, AgentDefinition] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]  # how pydantic types extras

    assistant: AgentDefinition = AgentDefinition(title="Assistant", description="Answers questions, and computes.", tools=DEFAULT_TOOLS)

    def definitions(self) -> dict[str, AgentDefinition]:
        return {DEFAULT_AGENT: self.assistant, **(self.__pydantic_extra__ or {})}
