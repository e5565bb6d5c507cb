"""What models can do, as far as anybody says: the settings, else the provider. What nobody says is unknown, and left out."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, cast, get_args

from parlor.llm.endpoints import Kind
from parlor.llm.fields import field_of

Capability = Literal["images", "tools", "reasoning", "structured_output", "embeddings"]
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)
Capabilities = Mapping[Capability, bool]
"""True and False are what was said."""

OF_THE_BUILT_IN_MODEL: Capabilities = {"images": False, "tools": True, "reasoning": False, "embeddings": False}

_AT_OPENROUTER: Mapping[Capability, str] = {"tools": "tools", "reasoning": "reasoning", "structured_output": "structured_outputs"}
_AT_MISTRAL: Mapping[Capability, str] = {"images": "vision", "tools": "function_calling"}
_AT_ANTHROPIC: Mapping[Capability, str] = {"images": "image_input", "reasoning": "thinking", "structured_output": "structured_outputs"}
_AT_OLLAMA: Mapping[Capability, str] = {"images": "vision", "tools": "tools", "reasoning": "thinking", "embeddings": "embedding"}


def listed(names: Collection[Capability]) -> Capabilities:
    """A list of the operator's is complete."""
    return {name: name in names for name in CAPABILITIES}


def told_by(kind: Kind, row: Mapping[str, Any]) -> Capabilities:
    """By the row of a provider's list; for Ollama by its answer to /api/show. Odd values say nothing."""
    match kind:
        case "anthropic":
            facts = field_of(row, "capabilities")
            return _booleans((name, field_of(field_of(facts, key), "supported")) for name, key in _AT_ANTHROPIC.items())
        case "gemini":
            return {**_booleans([("reasoning", row.get("thinking"))]), **_named(row.get("supportedGenerationMethods"), {"embeddings": "embedContent"})}
        case "ollama":
            return _named(row.get("capabilities"), _AT_OLLAMA)
        case "openai":
            # The protocol says nothing of it; OpenRouter and Mistral do, each in its own words.
            modalities = field_of(row.get("architecture"), "input_modalities")
            facts = row.get("capabilities")
            return {
                **_booleans((name, field_of(facts, key)) for name, key in _AT_MISTRAL.items()),
                **_named(modalities, {"images": "image"}),
                **_named(row.get("supported_parameters"), _AT_OPENROUTER),
            }


def _booleans(said: Iterable[tuple[Capability, Any]]) -> dict[Capability, bool]:
    return {name: value for name, value in said if isinstance(value, bool)}


def _named(values: Any, keys: Mapping[Capability, str]) -> dict[Capability, bool]:
    """A list that names what there is: what it does not name is not there."""
    return {name: key in cast("list[Any]", values) for name, key in keys.items()} if isinstance(values, list) else {}
