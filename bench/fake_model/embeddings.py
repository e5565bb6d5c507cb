"""Vectors, as the protocols ask for them: the same one for the same text."""

from array import array
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from bench.fake_model.script import Script


def vector_of(text: str, dimensions: int) -> list[float]:
    digest = sha256(text.encode()).digest()
    return [digest[at % 32] / 256 + at for at in range(dimensions)]


def tokens_of(texts: Sequence[str]) -> int:
    """One for each word."""
    return sum(len(text.split()) for text in texts)


def openai(request: Mapping[str, Any], script: Script) -> dict[str, Any]:
    texts = _listed(request["input"])
    vectors = _vectors(texts, script, request.get("dimensions"))
    shown = [_base64(vector) for vector in vectors] if request.get("encoding_format") == "base64" else vectors
    rows = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(shown)]
    count = _count(texts, script)
    usage = {} if count is None else {"usage": {"prompt_tokens": count, "total_tokens": count}}
    return {"object": "list", "model": request["model"], "data": rows[::-1], **usage}


def gemini(request: Mapping[str, Any], script: Script) -> dict[str, Any]:
    texts = ["".join(part["text"] for part in each["content"]["parts"]) for each in request["requests"]]
    vectors = _vectors(texts, script, request["requests"][0].get("outputDimensionality"))
    count = _count(texts, script)
    usage = {} if count is None else {"usageMetadata": {"promptTokenCount": count}}
    return {"embeddings": [{"values": vector} for vector in vectors], **usage}


def ollama(request: Mapping[str, Any], script: Script) -> dict[str, Any]:
    texts = _listed(request["input"])
    count = _count(texts, script)
    usage = {} if count is None else {"prompt_eval_count": count}
    return {"model": request["model"], "embeddings": _vectors(texts, script, request.get("dimensions")), "total_duration": 1, "load_duration": 1, **usage}


def _listed(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _count(texts: Sequence[str], script: Script) -> int | None:
    return tokens_of(texts) if script.usage == "counted" else script.usage


def _vectors(texts: Sequence[str], script: Script, asked: int | None) -> list[list[float]]:
    found = [vector_of(text, asked or script.dimensions) for text in texts]
    return found[: script.surplus] if script.surplus < 0 else found + found[:1] * script.surplus


def _base64(vector: Sequence[float]) -> str:
    return b64encode(array("f", vector).tobytes()).decode()
