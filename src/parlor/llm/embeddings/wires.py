"""How each protocol is asked for vectors, and how it answers. Anthropic's has none."""

from array import array
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from parlor.llm.endpoints import Endpoint, Kind
from parlor.llm.ports import Vector
from parlor.llm.providers.usage import count_of


class EmbeddingTarget(msgspec.Struct, frozen=True):
    """One model at one endpoint. `dimensions` is the length that is asked for, where models can shorten their vectors."""

    endpoint: Endpoint
    model: str
    dimensions: int | None = None
    max_texts: int | None = None
    context_tokens: int | None = None

    @property
    def name(self) -> str:
        return f"{self.endpoint.provider}/{self.model}"


class EmbeddingWire(Protocol):
    def url_of(self, target: EmbeddingTarget) -> str: ...

    def body_of(self, texts: Sequence[str], target: EmbeddingTarget) -> dict[str, Any]: ...

    def max_texts_of(self, target: EmbeddingTarget) -> int:
        """In one request."""
        ...

    @property
    def max_tokens(self) -> int:
        """In one request, estimated: our estimate may be less than the provider's count."""
        ...

    def read(self, body: bytes) -> tuple[Sequence[Vector], int | None]:
        """The vectors in the order of the texts, and the provider's count of tokens. Raises ValueError for anything else."""
        ...


class _Row(msgspec.Struct, gc=False):
    embedding: list[float] | str
    index: int | None = None


class _Rows(msgspec.Struct, gc=False):
    data: list[_Row]
    usage: Any = None


class OpenAIEmbeddings:
    """Servers differ in how many texts they take: text-embeddings-inference 32, others 10. OpenAI takes 2 048 and 300 000 tokens."""

    max_tokens = 100_000
    _decode = msgspec.json.Decoder(_Rows).decode

    def url_of(self, target: EmbeddingTarget) -> str:
        return f"{target.endpoint.base_url}/embeddings"

    def max_texts_of(self, target: EmbeddingTarget) -> int:
        return 256 if target.endpoint.host == "api.openai.com" else 32

    def body_of(self, texts: Sequence[str], target: EmbeddingTarget) -> dict[str, Any]:
        body: dict[str, Any] = {"model": target.model, "input": list(texts)}
        if target.endpoint.host == "api.openai.com":  # a quarter of the bytes; others may not know the field
            body["encoding_format"] = "base64"
        return body if target.dimensions is None else {**body, "dimensions": target.dimensions}

    def read(self, body: bytes) -> tuple[Sequence[Vector], int | None]:
        answer = self._decode(body)
        rows = answer.data
        if all(row.index is not None for row in rows):
            rows = sorted(rows, key=lambda row: row.index or 0)
            if [row.index for row in rows] != list(range(len(rows))):
                raise ValueError("the numbers of the vectors have gaps")
        return [_vector(row.embedding) for row in rows], count_of(answer.usage, "prompt_tokens", "total_tokens")


class _Values(msgspec.Struct, gc=False):
    values: list[float]


class _Batch(msgspec.Struct, gc=False, rename="camel"):
    embeddings: list[_Values]
    usage_metadata: Any = None


class GeminiEmbeddings:
    max_tokens = 50_000
    _decode = msgspec.json.Decoder(_Batch).decode

    def url_of(self, target: EmbeddingTarget) -> str:
        return f"{target.endpoint.base_url}/models/{quote(target.model, safe='')}:batchEmbedContents"

    def max_texts_of(self, target: EmbeddingTarget) -> int:
        return 100

    def body_of(self, texts: Sequence[str], target: EmbeddingTarget) -> dict[str, Any]:
        length = {} if target.dimensions is None else {"outputDimensionality": target.dimensions}
        return {"requests": [{"model": f"models/{target.model}", "content": {"parts": [{"text": text}]}, **length} for text in texts]}

    def read(self, body: bytes) -> tuple[Sequence[Vector], int | None]:
        """Older models tell no usage."""
        answer = self._decode(body)
        return [_vector(each.values) for each in answer.embeddings], count_of(answer.usage_metadata, "promptTokenCount", "totalTokenCount")


class _Embedded(msgspec.Struct, gc=False):
    embeddings: list[list[float]]
    prompt_eval_count: Any = None


class OllamaEmbeddings:
    """A text that is too long is refused, as everybody else does, instead of being cut without a word."""

    max_tokens = 100_000
    _decode = msgspec.json.Decoder(_Embedded).decode

    def url_of(self, target: EmbeddingTarget) -> str:
        return f"{target.endpoint.base_url}/api/embed"

    def max_texts_of(self, target: EmbeddingTarget) -> int:
        return 64

    def body_of(self, texts: Sequence[str], target: EmbeddingTarget) -> dict[str, Any]:
        body: dict[str, Any] = {"model": target.model, "input": list(texts), "truncate": False}
        if target.dimensions is not None:
            body["dimensions"] = target.dimensions
        return body if target.context_tokens is None else {**body, "options": {"num_ctx": target.context_tokens}}

    def read(self, body: bytes) -> tuple[Sequence[Vector], int | None]:
        answer = self._decode(body)
        return [_vector(each) for each in answer.embeddings], count_of({"count": answer.prompt_eval_count}, "count")


def _vector(given: list[float] | str) -> Vector:
    """As a list, or as base64 of little-endian float32 (which is how floats lie in the memory of every machine that Parlor runs on)."""
    return array("f", b64decode(given, validate=True) if isinstance(given, str) else given)


EMBEDDING_WIRES: Mapping[Kind, EmbeddingWire] = {"openai": OpenAIEmbeddings(), "gemini": GeminiEmbeddings(), "ollama": OllamaEmbeddings()}
