"""People's own layers over the prompts of shared agents: storing them, and composing the prompt that a model is given.

Which agents there are, and what their prompts say, is told by whoever asks: this room knows accounts and texts.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.prompts.book import PromptBook, RequestKey
    from parlor.prompts.composing import BasePrompt, EffectivePrompt, Ignored, Layer, Mode, Part
    from parlor.prompts.customization import Customization, Draft, Stamp
    from parlor.prompts.errors import LayerTooLarge, NoSuchCustomization, NotCustomizable, SlotLocked, TooManyLayers
    from parlor.prompts.schemas import CustomizationRead, CustomizationWrite, IdempotencyHeader
    from parlor.prompts.settings import PromptsSettings
    from parlor.prompts.values import HISTORY, standard_values, user_facts, values_for

__all__ = [
    "HISTORY", "BasePrompt", "Customization", "CustomizationRead", "CustomizationWrite", "Draft", "EffectivePrompt", "IdempotencyHeader", "Ignored",
    "Layer", "LayerTooLarge", "Mode", "NoSuchCustomization", "NotCustomizable", "Part", "PromptBook", "PromptsSettings", "RequestKey", "SlotLocked",
    "Stamp", "TooManyLayers", "standard_values", "user_facts", "values_for",
]  # fmt: skip

__getattr__ = exports(
    __name__,
    {
        "book": "PromptBook RequestKey",
        "composing": "BasePrompt EffectivePrompt Ignored Layer Mode Part",
        "customization": "Customization Draft Stamp",
        "errors": "LayerTooLarge NoSuchCustomization NotCustomizable SlotLocked TooManyLayers",
        "schemas": "CustomizationRead CustomizationWrite IdempotencyHeader",
        "settings": "PromptsSettings",
        "values": "HISTORY standard_values user_facts values_for",
    },
)
