"""What a model is to the rest of Parlor, and the typed events it streams."""

from array import array
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from parlor.wallet import Price

Vector: TypeAlias = "array[float]"
"""Float32, as it lies in memory: `numpy.frombuffer(vector, "float32")` copies nothing."""

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the provider counted them, never negative. Cached and reasoning tokens are parts of input and output."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class TextDelta(msgspec.Struct, frozen=True):
    text: str


class ReasoningDelta(msgspec.Struct, frozen=True):
    text: str


class ToolCallDelta(msgspec.Struct, frozen=True):
    """A fragment of the tool call number `index`. The first one of an index carries `call_id` and `name`; the `arguments` of all are joined."""

    index: int
    call_id: str | None
    name: str | None
    arguments: str


class UsageSeen(msgspec.Struct, frozen=True):
    usage: Usage


class ProviderState(msgspec.Struct, frozen=True):
    """What a provider wants to see again with an answer that it goes on from: signatures of its thoughts, for one. Plain JSON, and nobody else's business.

    It is `model`'s own (a full name): nobody else is sent it.
    """

    model: str
    value: Mapping[str, Any]


class StateSeen(msgspec.Struct, frozen=True):
    """Belongs into the ModelMessage that this answer becomes, as long as the provider is asked to go on from it."""

    state: ProviderState


class Finished(msgspec.Struct, frozen=True):
    reason: FinishReason


class FellBack(msgspec.Struct, frozen=True):
    """The model `source` has failed before it said anything, and `target` (both full names) is asked in its place. `reason` is a FailureReason,
    or circuit_open, bulkhead_full, unsupported_input. Whatever `source` may have taken for it is not to be paid for."""

    source: str
    target: str
    reason: str


class Accepted(msgspec.Struct, frozen=True):
    """The provider of the model that was fallen back to has taken the request, so it may charge for it. For the first model, entering says that."""


ModelEvent = TextDelta | ReasoningDelta | ToolCallDelta | StateSeen | UsageSeen | Finished | FellBack | Accepted


class ToolSpec(msgspec.Struct, frozen=True):
    """`parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class ToolCall(msgspec.Struct, frozen=True):
    """`arguments` is JSON text as the model wrote it, so it may be invalid."""

    call_id: str
    name: str
    arguments: str


class TextPart(msgspec.Struct, frozen=True):
    text: str


class ImagePart(msgspec.Struct, frozen=True):
    """`url` is a data URL (`data:image/png;base64,...`), or an http(s) one for providers that fetch images themselves: Parlor does not."""

    url: str

    @classmethod
    def of(cls, image: bytes, media_type: str) -> "ImagePart":
        return cls(f"data:{media_type};base64,{b64encode(image).decode()}")


class ModelMessage(msgspec.Struct, frozen=True):
    """`call_id` is for role "tool": the call that this text is the result of. `parts` follow the text, and may have images in a user's message."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    tool_calls: Sequence[ToolCall] = ()
    call_id: str | None = None
    parts: Sequence[TextPart | ImagePart] = ()
    provider_state: ProviderState | None = None

    @property
    def content(self) -> "Sequence[TextPart | ImagePart]":
        """All of it, empty texts left out: several providers refuse those."""
        return [part for part in (TextPart(self.text), *self.parts) if isinstance(part, ImagePart) or part.text]


class ModelRequest(msgspec.Struct, frozen=True):
    """`response_schema` is a JSON schema that the answer's text is to follow: a provider may need a simpler one, so check what comes.

    `extra` goes into the provider's request body as it is, and overrides nothing that has a field here.
    """

    messages: Sequence[ModelMessage]
    tools: Sequence[ToolSpec] = ()
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] = ()
    response_schema: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = {}


class Model(Protocol):
    @property
    def name(self) -> str:
        """`main/gpt-x`: the provider's name in the settings, and the model's at the provider."""
        ...

    @property
    def price(self) -> "Price": ...

    @property
    def max_output_tokens(self) -> int: ...

    @property
    def context_tokens(self) -> int: ...

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[Sequence[ModelEvent]]]:
        """The answer, one item for everything that one network read brought, with the adjacent TextDeltas of a read already merged.

        The last item ends with Finished, and UsageSeen stands before it when the provider told its usage. Leaving the context, also by
        cancellation, closes the connection at once. Raises ModelFailed, on entering or while iterating, and UnsupportedInput on entering.
        """
        ...


class EmbeddedBatch(msgspec.Struct, frozen=True):
    """What one request came to: the vectors of `texts[start:start + count]`, none when the provider took the request and its answer was no good.

    `input_tokens` are the provider's count, None when it tells none.
    """

    start: int
    count: int
    vectors: "Sequence[Vector]" = ()
    input_tokens: int | None = None


class Embeddings(msgspec.Struct, frozen=True):
    """One vector for each text, in their order and all of one length."""

    vectors: "Sequence[Vector]"
    batches: Sequence[EmbeddedBatch] = ()


class Embedder(Protocol):
    """Turns texts into vectors whose angles say how much they have to do with each other."""

    @property
    def name(self) -> str:
        """`main/embed-x`, as with models."""
        ...

    @property
    def price(self) -> "Price":
        """Only its input side counts."""
        ...

    @property
    def space(self) -> str:
        """Vectors can be compared, and used again, as long as this is the same: it names the model, where it runs, and the length that is asked of it."""
        ...

    @property
    def dimensions(self) -> int | None:
        """Numbers in a vector; None until one has been seen."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether a vector is worth remembering: it came over the network."""
        ...

    async def embed(self, texts: Sequence[str], tell: "Callable[[EmbeddedBatch], None] | None" = None) -> Embeddings:
        """`tell` gets each request that the provider accepted, as soon as it has ended, also when another fails: whoever pays counts those.

        Raises ModelFailed when any of it failed, and UnsupportedInput for an empty text.
        """
        ...
