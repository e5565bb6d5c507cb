"""Bodies and replies of stateless chat."""

from typing import Annotated, Any, Literal

from pydantic import Field

from parlor.core.web.schemas import Body, Reply
from parlor.llm.parameters import ModelParams
from parlor.llm.ports import FinishReason, ModelMessage
from parlor.llm.stateless.findings import KINDS, Intent, Kind, Sentiment, Summary, TextEntity, Topic

MOST_MESSAGES = 1_000

Name = Annotated[str, Field(min_length=1, max_length=300)]


class _Ask(Body):
    """What every stateless call may say."""

    model: Name | None = Field(default=None, description="Its name, or an alias; without one the default model.")
    user_id: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Who asks: oneself, or for administrators the account that is charged."
    )
    cache: bool | None = Field(
        default=None, description="True: an answer to the same call of the last minutes will do, and is free. Without it the model's settings say."
    )

    def fingerprint(self) -> dict[str, Any]:
        """What makes a repeated request the same."""
        return self.model_dump(mode="json", exclude_unset=True)


class MessageAsk(_Ask):
    message: str
    system: str | None = Field(default=None, description="Instructions that stand before the message.")
    params: ModelParams = Field(default_factory=ModelParams)

    def messages(self) -> list[ModelMessage]:
        return [*([ModelMessage("system", self.system)] if self.system else []), ModelMessage("user", self.message)]


class Said(Body):
    role: Literal["system", "user", "assistant"]
    content: str


class ConversationAsk(_Ask):
    messages: Annotated[list[Said], Field(min_length=1, max_length=MOST_MESSAGES)] = Field(description="In their order; the last one is a user's.")
    params: ModelParams = Field(default_factory=ModelParams)

    def model_messages(self) -> list[ModelMessage]:
        return [ModelMessage(said.role, said.content) for said in self.messages]


class CallUsageRead(Reply):
    """Cached and reasoning tokens are parts of input and output."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class AnswerRead(Reply):
    response: str
    model: str = Field(description="The one that answered, by its full name.")
    usage: CallUsageRead
    charge_micros: int | None = Field(description="What was charged; 0 when it is cached. Null when the books could not be reached: then nothing is.")
    finish_reason: FinishReason
    cached: bool = Field(default=False, description="An answer that was given before to the same call.")


class AnalysisAsk(_Ask):
    text: str
    kinds: Annotated[list[Kind], Field(min_length=1, max_length=20)] = Field(default_factory=lambda: list(KINDS), description="What to look for.")


class AnalysisRead(Reply):
    """A field for each kind that was asked for."""

    sentiment: Sentiment | None = None
    topics: list[Topic] | None = None
    summary: Summary | None = None
    intent: Intent | None = None
    entities: list[TextEntity] | None = None
    model: str
    usage: CallUsageRead
    charge_micros: int | None = Field(description="Of both tries, when the first answer did not follow the schema.")
    method: Literal["model", "rules"] = Field(description="rules: the built-in model counted words, and no language model has read the text.")
    note: str | None = Field(default=None, description="With rules: what that is worth.")
    cached: bool = False
