"""Models: what one is, where they come from, and how their answers stream. A turn calls one itself, with its own hold; everybody
else goes through the gate, which holds and settles."""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports
from parlor.llm.errors import EmptyMessage, FailureReason, MessageTooLong, ModelFailed, NoModel, PromptTooLong, UnknownModel, UnsupportedInput
from parlor.llm.ports import (
    Accepted,
    EmbeddedBatch,
    Embedder,
    Embeddings,
    FellBack,
    Finished,
    FinishReason,
    ImagePart,
    Model,
    ModelEvent,
    ModelMessage,
    ModelRequest,
    ProviderState,
    ReasoningDelta,
    StateSeen,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolSpec,
    Usage,
    UsageSeen,
    Vector,
)
from parlor.llm.prompts import message_tokens, request_tokens
from parlor.llm.questions import checked_text
from parlor.llm.tokens import estimate_tokens

if TYPE_CHECKING:
    from parlor.llm.access import EVERYBODY, OPERATOR, ModelAccess
    from parlor.llm.calling import listen, opening, usage_of
    from parlor.llm.embeddings.call import Embedded
    from parlor.llm.fields import field_of
    from parlor.llm.gate import Answering, GatedCall, ModelGate
    from parlor.llm.metering import CallMeter
    from parlor.llm.offline import is_offline
    from parlor.llm.parameters import ModelParams
    from parlor.llm.registry import ModelInfo, ModelRegistry
    from parlor.llm.routing.routed import Offer, offers_of
    from parlor.llm.settings import LlmSettings
    from parlor.llm.stateless.asked import Answered, Asked
    from parlor.llm.stateless.call_limit import CallLimit
    from parlor.llm.stateless.calls import ModelCalls
    from parlor.llm.stateless.errors import TooManyCalls, UnusableAnswer
    from parlor.llm.stateless.findings import TextEntity
    from parlor.llm.stateless.keyed import CallKey, KeyedCalls
    from parlor.llm.stateless.replying import plain_reply
    from parlor.llm.stateless.rules import findings_by_rules
    from parlor.llm.stateless.structured import Structured, StructuredCalls, closed_object, reader_of

__all__ = [
    "EVERYBODY", "OPERATOR", "Accepted", "Answered", "Answering", "Asked", "CallKey", "CallLimit", "CallMeter", "Embedded", "EmbeddedBatch", "Embedder",
    "Embeddings", "EmptyMessage", "FailureReason", "FellBack", "FinishReason", "Finished", "GatedCall", "ImagePart", "KeyedCalls", "LlmSettings",
    "MessageTooLong", "Model", "ModelAccess", "ModelCalls", "ModelEvent", "ModelFailed", "ModelGate", "ModelInfo", "ModelMessage", "ModelParams",
    "ModelRegistry", "ModelRequest", "NoModel", "Offer", "PromptTooLong", "ProviderState", "ReasoningDelta", "StateSeen", "Structured", "StructuredCalls",
    "TextDelta", "TextEntity", "TextPart", "TooManyCalls", "ToolCall", "ToolCallDelta", "ToolSpec", "UnknownModel", "UnsupportedInput", "UnusableAnswer",
    "Usage", "UsageSeen", "Vector", "checked_text", "closed_object", "estimate_tokens", "field_of", "findings_by_rules", "is_offline", "listen",
    "message_tokens", "offers_of", "opening", "plain_reply", "reader_of", "request_tokens", "usage_of",
]  # fmt: skip

# The registry brings the settings and every adapter with it; whoever only names events should not wait for those.
__getattr__ = exports(
    __name__,
    {
        "parameters": "ModelParams",
        "access": "EVERYBODY OPERATOR ModelAccess",
        "embeddings.call": "Embedded",
        "calling": "listen opening usage_of",
        "gate": "Answering GatedCall ModelGate",
        "metering": "CallMeter",
        "registry": "ModelInfo ModelRegistry",
        "routing.routed": "Offer offers_of",
        "settings": "LlmSettings",
        "stateless.asked": "Answered Asked",
        "fields": "field_of",
        "offline": "is_offline",
        "stateless.call_limit": "CallLimit",
        "stateless.calls": "ModelCalls",
        "stateless.errors": "TooManyCalls UnusableAnswer",
        "stateless.findings": "TextEntity",
        "stateless.keyed": "CallKey KeyedCalls",
        "stateless.replying": "plain_reply",
        "stateless.rules": "findings_by_rules",
        "stateless.structured": "Structured StructuredCalls closed_object reader_of",
    },
)
