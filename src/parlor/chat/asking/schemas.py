"""Bodies and replies of the calls that answer at once."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from parlor.core.web.schemas import Body, Reply
from parlor.llm import ModelParams, TextEntity
from parlor.turns import QuestionRead, Reason, UsageRead

Name = Annotated[str, Field(min_length=1, max_length=300)]


class _Ask(Body):
    message: str
    user_id: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Who asks: oneself, or for administrators the account that is charged."
    )


class Ask(_Ask):
    session_id: UUID | None = Field(default=None, description="Without one a session is made, with this agent and this model.")
    model: Name | None = None
    params: ModelParams = Field(default_factory=ModelParams)


class ChatAsk(Ask):
    agent_name: Name | None = None


class AgentAsk(Ask):
    agent: Name | None = None


class ChatReply(Reply):
    """The first tool that was used, or nulls. A turn that waits for a person answers with what it has said so far, and its questions."""

    session_id: UUID
    turn_id: UUID
    state: Literal["completed", "stopped", "awaiting_input"]
    response: str
    agent_name: str
    model: str
    tool_name: str | None
    tool_input: Any = Field(description="As the tool was called: an object, or the text of the model that was none.")
    usage: UsageRead | None = Field(description="Null while the turn waits.")
    charge_micros: int | None
    reason: Reason | None = Field(default=None, description="Why it did not simply complete: it was stopped, or became too long.")
    pending: list[QuestionRead] = Field(default_factory=list[QuestionRead], description="To be answered with POST /turns/{id}/answers/{question_id}.")


class StepRead(Reply):
    """A tool call. Neither `result` nor `error`: it waits for a person."""

    call_id: str
    tool: str
    arguments: Any
    result: Any = None
    error: str | None = None


class AgentReply(ChatReply):
    steps: list[StepRead] = Field(description="Every tool call, in the order in which they were made.")


class IntentAsk(_Ask):
    model: Name | None = None


class IntentRead(Reply):
    intent: str
    confidence: float
    entities: list[TextEntity]
    suggested_agent: str | None = Field(description="One that you may use, or null.")
    suggested_tools: list[str] = Field(description="Tools that you may use.")
    model: str
    usage: UsageRead
    charge_micros: int | None = Field(description="Of both tries, when the first answer did not follow the schema.")
    method: Literal["model", "rules"] = Field(description="rules: the built-in model looked for words, and no language model has read the message.")
