"""Bodies and replies about agents."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from parlor.agents.catalog.known import KnownAgent, Source
from parlor.agents.definition import NAME_PATTERN, AgentDefinition, AgentLimits, Kind
from parlor.core.web.schemas import Body, Reply
from parlor.llm import ModelParams
from parlor.tools import ToolCaller

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Globs = Annotated[list[Glob], Field(max_length=200)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class AgentUpdate(Body):
    """The whole agent: what is left out gets its default."""

    title: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=2_000)
    kind: Kind = "loop"
    graph: Place | None = Field(default=None, description="Of kind langgraph: one that an agent of the operator names.")
    object: Place | None = Field(default=None, description="Of kind python: one that an agent of the operator names.")
    model: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None
    system_prompt: str | None = Field(default=None, max_length=100_000, description="Without one, that of a helpful assistant.")
    tools: Globs = Field(default_factory=list[str], description="Names or globs.")
    agents: Globs = Field(default_factory=list[str], description="Names or globs of agents that it may ask.")
    knowledge: Globs = Field(default_factory=list[str])
    tool_policy: dict[Glob, Literal["allow", "ask", "deny"]] = Field(default_factory=dict[str, Literal["allow", "ask", "deny"]], max_length=200)
    params: ModelParams = Field(default_factory=ModelParams)
    limits: AgentLimits = Field(default_factory=AgentLimits)
    groups: Globs = Field(default_factory=list[str], description="Administrators: groups that it is kept for.")
    customizable: bool = True
    locked_slots: Globs = Field(default_factory=list[str])

    def definition(self) -> AgentDefinition:
        """Raises pydantic's ValidationError for what does not go together."""
        given = self.model_dump(exclude={"name", "params", "system_prompt"})
        prompt = {} if self.system_prompt is None else {"system_prompt": self.system_prompt}
        return AgentDefinition.model_validate({**given, **prompt, "params": self.params.model_dump(exclude_none=True)})


class AgentCreate(AgentUpdate):
    name: Name


class AgentRead(Reply):
    name: str
    title: str
    description: str
    kind: Kind
    graph: str | None = Field(description="Shown to administrators, as `object` is.")
    object: str | None
    model: str | None
    system_prompt: str
    tools: list[str]
    agents: list[str]
    knowledge: list[str]
    tool_policy: dict[str, Literal["allow", "ask", "deny"]]
    params: dict[str, Any]
    limits: AgentLimits
    groups: list[str] = Field(description="One's own of them; all for administrators.")
    customizable: bool
    locked_slots: list[str]
    source: Source = Field(description="settings: a table of parlor.toml. file: a Markdown file. stored: made over the API.")
    version: int | None = Field(description="Of a stored one.")
    is_own: bool = Field(description="Made by the caller for themselves; nobody else sees it.")
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, known: KnownAgent, caller: ToolCaller) -> "AgentRead":
        definition = known.definition.model_dump()
        if not caller.is_unlimited:
            definition |= {"groups": sorted(caller.groups.intersection(known.definition.groups)), "graph": None, "object": None}
        rest = {"name": known.name, "source": known.source, "version": known.version, "is_own": known.owner_id is not None}
        return cls.model_validate({**definition, **rest, "created_at": known.created_at, "updated_at": known.updated_at})


class AgentVersionRead(Reply):
    version: int
    definition: dict[str, Any]
    author_id: UUID | None = Field(description="Null once that account is erased.")
    created_at: datetime


class OfferedAgent(Reply):
    name: str
    title: str
    description: str


class OfferedTool(Reply):
    name: str
    description: str


class OfferedModel(Reply):
    name: str
    is_default: bool
    capabilities: dict[str, bool]


class Capabilities(Reply):
    agents: list[OfferedAgent]
    tools: list[OfferedTool]
    models: list[OfferedModel]
    features: dict[str, bool]
