"""What an agent is, wherever it is written down: a settings table, a Markdown file, a row."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from parlor.llm import ModelParams

DEFAULT_PROMPT = (
    "You are a helpful assistant. Answer in the language of the question. Use a tool when it gives a surer answer than you would; say so when you do not know."
)

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
NAME_RULE = "lower-case letters, digits, - and _, at most 63, the first a letter or a digit"

Kind = Literal["loop", "langgraph", "python"]


class AgentLimits(BaseModel):
    """What one turn may take at most. The turn ends cleanly at a limit, and what was said and used until then is kept and paid for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=12, ge=1, le=200, description="Calls of the model in one turn.")
    tool_calls: int = Field(default=50, ge=0, le=1000, description="Tool calls in one turn.")
    wall_seconds: float | None = Field(default=None, gt=0, description="Time in one turn, without what it waits for people.")
    tokens: int | None = Field(default=None, ge=1, description="Input and output tokens of all its calls of models in one turn.")
    credits_micros: int | None = Field(default=None, ge=0, description="What one turn may cost.")
    depth: int = Field(default=2, ge=0, le=8, description="How deep agents may ask agents: 0 is not at all.")


class AgentDefinition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    description: str = ""
    kind: Kind = Field(default="loop", description="loop: a prompt, a model and tools. langgraph: a graph of yours. python: an object of yours.")
    graph: str | None = Field(
        default=None, description="Of kind langgraph: `package.module:attribute` or `path.py:attribute`, a compiled graph or what makes one."
    )
    object: str | None = Field(default=None, description="Of kind python: `package.module:attribute` or `path.py:attribute`, an AgentExecutor or a Runnable.")
    model: str | None = Field(default=None, description="The model it uses when the session and the message name none.")
    system_prompt: str = DEFAULT_PROMPT
    tools: tuple[str, ...] = Field(default=(), description="Names or globs of the tools it may use.")
    agents: tuple[str, ...] = Field(default=(), description="Names or globs of the agents that it may ask, each as a tool `agent_NAME`.")
    knowledge: tuple[str, ...] = Field(default=(), description="Names of the knowledge sources it may query.")
    tool_policy: dict[str, Literal["allow", "ask", "deny"]] = Field(
        default_factory=dict[str, Literal["allow", "ask", "deny"]],
        description="Globs of tools: ask or deny, where this agent is to be stricter than [tools.policy].",
    )
    params: dict[str, Any] = Field(default_factory=dict[str, Any], description="temperature, top_p, max_tokens, stop.")
    limits: AgentLimits = AgentLimits()
    groups: tuple[str, ...] = Field(default=(), description="Groups of users that it is kept for; without any it is for everybody.")
    customizable: bool = Field(default=True, description="Whether users may put their own layers over its prompt.")
    locked_slots: tuple[str, ...] = Field(default=(), description="Slots of its prompt that users may not fill.")

    @field_validator("params")
    @classmethod
    def _are_known(cls, params: dict[str, Any]) -> dict[str, Any]:
        try:
            ModelParams.model_validate(params)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
        return params

    @model_validator(mode="after")
    def _names_its_code(self) -> Self:
        """What a kind stands on is there, and nothing beside it that would never be looked at."""
        for kind, field, value in (("langgraph", "graph", self.graph), ("python", "object", self.object)):
            if self.kind == kind and not value:
                raise ValueError(f"an agent of kind {kind} needs `{field}`")
            if self.kind != kind and value:
                raise ValueError(f'`{field}` goes with kind = "{kind}"')
        return self


def is_agent_name(name: str) -> bool:
    return re.fullmatch(NAME_PATTERN, name) is not None


def code_problems(definitions: Mapping[str, AgentDefinition], place: Path) -> list[str]:
    """Of the graphs and objects that these name, by where they stand: a line for each that is not what it must be. Loads what is named."""
    coded = {where: each for where, each in definitions.items() if each.kind != "loop"}
    if not coded:
        return []
    from parlor.agents.runs.checking import problem_of  # which loads the operator's code

    return [f"{where}: {problem}" for where, each in coded.items() if (problem := problem_of(each, place)) is not None]
