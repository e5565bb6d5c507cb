"""Anthropic's Messages protocol, which several other providers offer as well."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from parlor.llm.fields import field_of
from parlor.llm.ports import FinishReason, ImagePart, ModelMessage, ModelRequest, ToolCallDelta, ToolSpec
from parlor.llm.providers.complaints import failure_in_stream
from parlor.llm.providers.content import arguments_of, image_of, system_of, text_of
from parlor.llm.providers.reading import Reading
from parlor.llm.providers.schemas import closed
from parlor.llm.providers.usage import count_of, later
from parlor.llm.providers.wire import Target, state_of
from parlor.llm.sse import SseDecoder

_OWN_FIELDS = frozenset({"model", "messages", "system", "tools", "stream", "max_tokens"})
_FINISH_REASONS: Mapping[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


class _Delta(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Block(msgspec.Struct, gc=False):
    type: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class _Start(msgspec.Struct, gc=False):
    usage: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Start | None = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Event).decode


class AnthropicWire:
    content_types = ("text/event-stream",)

    def url_of(self, target: Target) -> str:
        return f"{target.endpoint.base_url}/messages"

    def body_of(self, request: ModelRequest, target: Target) -> dict[str, Any]:
        body: dict[str, Any] = {key: value for key, value in request.extra.items() if key not in _OWN_FIELDS}
        body |= {"model": target.model, "messages": _messages(request.messages, target), "stream": True}
        body["max_tokens"] = request.max_output_tokens or target.max_output_tokens
        if system := system_of(request.messages):
            body["system"] = system
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.temperature is not None:
            body["temperature"] = min(request.temperature, 1)  # where the scale of everybody else goes to 2
        if request.top_p is not None:
            body["top_p"] = request.top_p
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        if request.response_schema is not None:
            body["output_config"] = {**body.get("output_config", {}), "format": {"type": "json_schema", "schema": closed(request.response_schema)}}
        return body

    def open(self, target: Target) -> "AnthropicReading":
        return AnthropicReading(target.name)


class AnthropicReading(Reading[_Event]):
    """The state is `{"thoughts": blocks}`, those of thinking with their signatures: without them a tool loop that thinks is refused."""

    def __init__(self, model: str) -> None:
        super().__init__(model, SseDecoder(), _decode)
        self._calls: dict[int, int] = {}
        self._input: dict[str, Any] = {}
        self._thoughts: dict[int, list[str]] = {}
        self._signatures: dict[int, str] = {}

    def take(self, payload: _Event, /) -> None:
        if (delta := payload.delta) is not None:
            if text := delta.text:
                self.batch.add_text(text)
                return
            self._take_delta(payload.index, delta)
        if payload.content_block is not None:
            self._begin(payload.index, payload.content_block)
        elif payload.type == "message_stop":
            self.is_done = True
        elif payload.type == "content_block_stop":
            self._keep_thought(payload.index)
        elif payload.error is not None:
            raise failure_in_stream(payload.error)
        if (usage := payload.message.usage if payload.message else payload.usage) is not None:
            self._take_usage(usage)

    def _take_delta(self, index: int, delta: _Delta) -> None:
        if delta.thinking:
            self.batch.add_reasoning(delta.thinking)
            self._thoughts.setdefault(index, []).append(delta.thinking)
        elif delta.partial_json:
            if (number := self._calls.get(index)) is not None:
                self.batch.add(ToolCallDelta(number, None, None, delta.partial_json))
        elif delta.signature:
            self._signatures[index] = delta.signature
        elif delta.stop_reason:
            self.finish_reason = _FINISH_REASONS.get(delta.stop_reason, "stop")

    def _begin(self, index: int, block: _Block) -> None:
        match block.type:
            case "tool_use":
                self._calls[index] = self.call(block.id, block.name, block.input or None)
            case "thinking":
                self._thoughts[index] = [block.thinking or ""]
                self._signatures[index] = block.signature or ""
                self.batch.add_reasoning(block.thinking or "")
            case "redacted_thinking":
                self._keep({"type": "redacted_thinking", "data": block.data or ""})
            case _:
                self.batch.add_text(block.text or "")

    def _keep_thought(self, index: int) -> None:
        if (thought := self._thoughts.pop(index, None)) is not None:
            self._keep({"type": "thinking", "thinking": "".join(thought), "signature": self._signatures.pop(index, "")})

    def _keep(self, block: dict[str, Any]) -> None:
        self.state.setdefault("thoughts", []).append(block)

    def _take_usage(self, counts: Any) -> None:
        """Sums, of which later reports may leave out those of the input; what was read from the cache or written to it is counted beside it."""
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        self._input |= {name: count for name in names if (count := count_of(counts, name)) is not None}
        read = self._input.get("cache_read_input_tokens", 0)
        whole = self._input["input_tokens"] + read + self._input.get("cache_creation_input_tokens", 0) if "input_tokens" in self._input else None
        self.usage = later(self.usage, whole, count_of(counts, "output_tokens"), read, count_of(field_of(counts, "output_tokens_details"), "thinking_tokens"))


def _messages(messages: Sequence[ModelMessage], target: Target) -> list[dict[str, Any]]:
    """Roles alternate, results of tools are what the user says next, and nothing is empty."""
    rows: list[dict[str, Any]] = []
    for message in (each for each in messages if each.role != "system"):
        blocks = _blocks(message, target)
        role = "assistant" if message.role == "assistant" else "user"
        if blocks and rows and rows[-1]["role"] == role:
            rows[-1]["content"] += blocks
        elif blocks:
            rows.append({"role": role, "content": blocks})
    return rows


def _blocks(message: ModelMessage, target: Target) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": _id(message.call_id or ""), "content": text_of(message)}]
    said = [_image(part) if isinstance(part, ImagePart) else {"type": "text", "text": part.text} for part in message.content]
    calls = [{"type": "tool_use", "id": _id(call.call_id), "name": call.name, "input": arguments_of(call)} for call in message.tool_calls]
    return [*state_of(message, target).get("thoughts", ()), *said, *calls]


def _image(part: ImagePart) -> dict[str, Any]:
    if (image := image_of(part)) is None:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": image.data}}


def _id(call_id: str) -> str:
    """Ids that another provider gave earlier in the conversation may have characters that are refused here."""
    return _NOT_IN_IDS.sub("_", call_id)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
