"""What one turn is about, as chat gives it to the agents, and what a paused one goes on from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from parlor.agents.runs.limits import Used
from parlor.llm import Model, ModelMessage, ModelParams, Offer
from parlor.tools import ToolCaller
from parlor.wallet import Price

if TYPE_CHECKING:
    from parlor.agents.catalog.registry import Agent


class _Offered(msgspec.Struct, frozen=True):
    model: str
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class RunState(msgspec.Struct, frozen=True):
    """Everything that a paused turn goes on from and that is not in its row, its log or its session. Stored as JSON."""

    params: Mapping[str, Any]
    max_output_tokens: int
    offered: Sequence[_Offered]
    tokens: int
    """What showing all that the executor has added to the conversation costs, estimated."""
    used: Used
    own: str
    """What the executor has written down for itself."""

    @classmethod
    def of(cls, assignment: "Assignment", *, tokens: int, used: Used, own: str) -> "RunState":
        params = assignment.params.model_dump(exclude_none=True)
        return cls(params, assignment.max_output_tokens, _offered(assignment.offers), tokens, used, own)

    @classmethod
    def decode(cls, text: str) -> "RunState":
        return msgspec.json.decode(text, type=cls)

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Whoever may answer, at the prices of when the turn began."""
        return tuple(Offer(each.model, Price(each.input_micros_per_mtok, each.output_micros_per_mtok)) for each in self.offered)


class Assignment(msgspec.Struct, frozen=True):
    """`history` ends with the question. `prompt_tokens` is the estimate that T1 held credit for, `max_output_tokens` the other part of it."""

    agent: "Agent"
    model: Model
    history: Sequence[ModelMessage]
    params: ModelParams
    prompt_tokens: int
    max_output_tokens: int
    offers: Sequence[Offer]
    """Whoever may answer, the model itself first, at the prices that hold for the whole turn."""
    caller: ToolCaller
    """For whom tools are run."""
    state: RunState | None = None
    """Where a turn that waited for people goes on; `questions` are the rows of all that it asked."""
    questions: Sequence[Any] = ()
    is_free: bool = False
    """The operator's own: the agents that are asked on the way cost nothing either."""
    history_text: str = ""
    """The memory of the session as one string, where the agent's prompt wants that."""
    memory: str = ""
    """What the system prompt is to tell of the messages that `history` no longer has; its tokens are among `prompt_tokens`."""
    parent_id: UUID | None = None
    """The message that the question follows; None for a first one, and where a turn goes on."""


def _offered(offers: Iterable[Offer]) -> list[_Offered]:
    return [_Offered(offer.model, offer.price.input_micros_per_mtok, offer.price.output_micros_per_mtok) for offer in offers]
