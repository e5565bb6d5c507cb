"""Asking a provider which models it has, how large they are and what they can do."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from parlor.core.outbound import Outbound, OutboundFailed, Timeouts
from parlor.llm.capabilities import Capabilities, told_by
from parlor.llm.endpoints import Endpoint, Kind
from parlor.llm.fields import field_of, rows_of

_MAX_LIST_BYTES = 8 * 1024 * 1024
_MAX_MODELS = 5_000
_MAX_NAME_CHARS = 200
_CONTEXT_NAMES = ("context_length", "max_model_len", "context_window", "max_context_length", "max_input_tokens", "inputTokenLimit")
_OUTPUT_NAMES = ("max_tokens", "outputTokenLimit")
_PATHS: Mapping[Kind, str] = {"openai": "/models", "anthropic": "/models?limit=1000", "gemini": "/models?pageSize=1000", "ollama": "/api/tags"}
_MAX_SHOWN = 100
_SHOWN_AT_ONCE = 8


class Limits(msgspec.Struct, frozen=True):
    """What a provider says of a model: its size in tokens, and what it can do. None: it does not say."""

    context_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: Capabilities = msgspec.field(default_factory=dict[Any, bool])


@dataclass(frozen=True)
class Listing:
    """`models`: by name; None when the provider does not say what it has, and `error` says why. `embedders` are models for nothing but embeddings."""

    models: Mapping[str, Limits] | None = None
    error: str | None = None
    is_reachable: bool = True
    embedders: frozenset[str] = frozenset()
    looked_at: float = field(default=0, compare=False)
    took_ms: float = field(default=0, compare=False)


async def fetch_models(endpoint: Endpoint, outbound: Outbound, timeouts: Timeouts) -> Listing:
    """Raises OutboundFailed."""
    url = f"{endpoint.base_url}{_PATHS[endpoint.kind]}"
    async with outbound.trusted("GET", url, headers=endpoint.headers, timeouts=timeouts) as reply:
        if reply.status in (401, 403):
            return Listing(error="The provider refused our key.", is_reachable=False)
        if reply.status != 200:
            return Listing(error=f"The provider answered with status {reply.status} when asked for its models.", is_reachable=reply.status < 500)
        body = await reply.read_all(_MAX_LIST_BYTES)
    given = _decoded(body)
    if given is None:
        return Listing(error="The provider's list of models cannot be read.", is_reachable=False)
    models = _models_of(endpoint.kind, given)
    if endpoint.kind == "ollama":
        models |= await _shown_at_ollama(list(models)[:_MAX_SHOWN], endpoint, outbound, timeouts)
    return Listing(models, embedders=_embedders_of(endpoint.kind, given))


def _models_of(kind: Kind, given: Any) -> dict[str, Limits]:
    """`{"data": [{"id": ...}]}`, a bare list of those, or `{"models": [{"name": ...}]}`. Odd rows are left out."""
    listed: Any = next((found for name in ("data", "models") if (found := field_of(given, name)) is not None), given)
    named = ((_name_of(kind, row), row) for row in rows_of(listed)[:_MAX_MODELS] if _answers(row))
    return {name: Limits(_size(row, _CONTEXT_NAMES), _size(row, _OUTPUT_NAMES), told_by(kind, row)) for name, row in named if name}


def _embedders_of(kind: Kind, given: Any) -> frozenset[str]:
    """Of those that say what each model is for: Gemini."""
    rows = (row for row in rows_of(field_of(given, "models"))[:_MAX_MODELS] if not _answers(row) and "embedContent" in row["supportedGenerationMethods"])
    return frozenset(name for row in rows if (name := _name_of(kind, row)))


def _name_of(kind: Kind, row: Mapping[str, Any]) -> str | None:
    name = row.get("id") or row.get("model") or row.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARS or not name.isprintable() or " " in name:
        return None
    return name.removeprefix("models/") if kind == "gemini" else name.removesuffix(":latest") if kind == "ollama" else name


def _answers(row: Mapping[str, Any]) -> bool:
    """Gemini says what each model is for."""
    methods = row.get("supportedGenerationMethods")
    return not isinstance(methods, list) or "generateContent" in methods


async def _shown_at_ollama(names: Iterable[str], endpoint: Endpoint, outbound: Outbound, timeouts: Timeouts) -> dict[str, Limits]:
    """Its list does not say much of a model, so each is asked for; one that does not answer is left as it is."""
    turn = asyncio.Semaphore(_SHOWN_AT_ONCE)

    async def shown(name: str) -> Limits:
        body = msgspec.json.encode({"model": name})
        try:
            async with turn, outbound.trusted("POST", f"{endpoint.base_url}/api/show", headers=endpoint.headers, body=body, timeouts=timeouts) as reply:
                answer = _decoded(await reply.read_all(_MAX_LIST_BYTES)) if reply.status == 200 else None
        except OutboundFailed:
            return Limits()
        facts = _object(field_of(answer, "model_info"))
        size = _size(facts, [key for key in facts if key.endswith(".context_length")])
        return Limits(size, capabilities=told_by("ollama", _object(answer)))

    names = list(names)
    return dict(zip(names, await asyncio.gather(*(shown(name) for name in names)), strict=True))


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _decoded(body: bytes) -> Any:
    """None for what is no JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _size(row: Mapping[str, Any], names: Iterable[str]) -> int | None:
    values = (row.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool) and value >= 256), None)
