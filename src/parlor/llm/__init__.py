"""Models: what one is, where they come from, and how their answers stream. Holding and settling credits is left to whoever calls one."""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports
from parlor.llm.errors import FailureReason, ModelFailed, NoModel, UnknownModel, UnsupportedInput
from parlor.llm.ports import (
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
)
from parlor.llm.tokens import estimate_tokens

if TYPE_CHECKING:
    from parlor.llm.registry import ModelInfo, ModelRegistry

__all__ = [
    "FailureReason", "FinishReason", "Finished", "ImagePart", "Model", "ModelEvent", "ModelFailed", "ModelInfo", "ModelMessage", "ModelRegistry",
    "ModelRequest", "NoModel", "ProviderState", "ReasoningDelta", "StateSeen", "TextDelta", "TextPart", "ToolCall", "ToolCallDelta", "ToolSpec",
    "UnknownModel", "UnsupportedInput", "Usage", "UsageSeen", "estimate_tokens",
]  # fmt: skip

# The registry brings the settings and every adapter with it; whoever only names events should not wait for those.
__getattr__ = exports(
    __name__,
    {
        "registry": "ModelInfo ModelRegistry",
    },
)
