"""The OpenAI chat completions protocol: OpenAI, vLLM, OpenRouter, Groq, Mistral, DeepSeek, LM Studio, and the endpoints that others have beside their own.

Only the fields that are used are read, each as lenient as the servers in the field are different.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from parlor.llm.errors import ModelFailed
from parlor.llm.fields import field_of
from parlor.llm.ports import FinishReason, ImagePart, ModelMessage, ModelRequest, ToolCall, ToolCallDelta, ToolSpec
from parlor.llm.providers.complaints import failure_in_stream
from parlor.llm.providers.content import image_of, text_of
from parlor.llm.providers.reading import Reading
from parlor.llm.providers.usage import count_of, later
from parlor.llm.providers.wire import Target, state_of
from parlor.llm.sse import SseDecoder

_OWN_FIELDS = frozenset({"model", "messages", "tools", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens", "functions"})
_FINISH_REASONS: Mapping[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
}


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Fragment(msgspec.Struct, gc=False):
    """`extra_content` is where Gemini's endpoint puts the signature of a thought, and wants to see it again."""

    index: int | None = None
    id: str | None = None
    function: _Function | None = None
    extra_content: Any = None


class _Part(msgspec.Struct, gc=False):
    text: str | None = None


class _Delta(msgspec.Struct, gc=False):
    """`refusal` is OpenAI's text of a model that declines. Mistral sends `content` as parts. Reasoning has three names in the field."""

    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    tool_calls: list[_Fragment] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class OpenAIWire:
    content_types = ("text/event-stream",)

    def url_of(self, target: Target) -> str:
        return f"{target.endpoint.base_url}/chat/completions"

    def body_of(self, request: ModelRequest, target: Target) -> dict[str, Any]:
        body: dict[str, Any] = {key: value for key, value in request.extra.items() if key not in _OWN_FIELDS}
        body |= {"model": target.model, "messages": [_message(message, target) for message in request.messages], "stream": True}
        if target.endpoint.asks_usage:
            body["stream_options"] = {"include_usage": True}
        if request.tools:
            body["tools"] = [tool_of(tool) for tool in request.tools]
        if request.max_output_tokens is not None:
            body[target.endpoint.max_tokens_field] = request.max_output_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.top_p is not None:
            body["top_p"] = request.top_p
        if request.stop:
            body["stop"] = list(request.stop)
        if request.response_schema is not None:
            answer = {"name": "answer", "schema": request.response_schema, "strict": _can_be_strict(request.response_schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": answer}
        return body

    def open(self, target: Target) -> "OpenAIReading":
        return OpenAIReading(target.name)


class OpenAIReading(Reading[_Chunk]):
    """Some servers leave a call's `index` out, or send 0 for every call (ollama/ollama#7881): then a new id, or a name, begins a new call.

    The state is `{"reasoning_content": text, "calls": {number: extra_content}}`: DeepSeek and Kimi want their reasoning back with the calls that came of it.
    """

    def __init__(self, model: str) -> None:
        super().__init__(model, SseDecoder(), _decode)
        self._slots: dict[int | None, int] = {}
        self._ids: list[str | None] = []
        self._reasoning: list[str] = []
        self._extras: dict[str, Any] = {}

    def take(self, payload: _Chunk, /) -> None:
        choice = payload.choices[0] if payload.choices else None
        if choice is not None and not choice.index and (delta := choice.delta) is not None:
            if thought := delta.reasoning_content or delta.reasoning or delta.thinking:
                self.batch.add_reasoning(thought)
                if delta.reasoning_content:
                    self._reasoning.append(thought)
            if text := delta.content or delta.refusal:
                self.batch.add_text(text if isinstance(text, str) else "".join(part.text or "" for part in text))
            if delta.tool_calls:
                self._take_fragments(delta.tool_calls)
        if (choice is not None and choice.finish_reason) or payload.usage is not None or payload.error is not None:
            self._take_rest(payload, choice)

    def _take_rest(self, chunk: _Chunk, choice: _Choice | None) -> None:
        if chunk.error is not None:
            raise failure_in_stream(chunk.error)
        if chunk.usage is not None:
            self._take_usage(chunk.usage)
        if choice is not None and not choice.index and (reason := choice.finish_reason):
            if reason == "error":
                raise ModelFailed("provider_error", accepted=True)
            # Everything unknown ("stop", "end_turn", "eos") is a stop.
            self.finish_reason = _FINISH_REASONS.get(reason.lower(), "stop")

    def _take_usage(self, counts: Any) -> None:
        cached = count_of(field_of(counts, "prompt_tokens_details") or field_of(counts, "input_tokens_details"), "cached_tokens")
        reasoning = count_of(field_of(counts, "completion_tokens_details") or field_of(counts, "output_tokens_details"), "reasoning_tokens")
        given = count_of(counts, "prompt_tokens", "input_tokens"), count_of(counts, "completion_tokens", "output_tokens")
        self.usage = later(self.usage, *given, cached, reasoning)

    def _take_fragments(self, fragments: Sequence[_Fragment]) -> None:
        for fragment in fragments:
            name = fragment.function.name if fragment.function else None
            arguments = fragment.function.arguments if fragment.function else None
            slot = self._slots.get(fragment.index)
            if slot is None or self._is_another(slot, fragment, name):
                slot = self._slots[fragment.index] = self.call(fragment.id, name, arguments)
                self._ids.append(fragment.id or None)
            elif arguments:
                text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
                self.batch.add(ToolCallDelta(slot, None, None, text))
            if fragment.extra_content is not None:
                self._extras[str(slot)] = fragment.extra_content

    def end(self) -> None:
        if self.call_count and (self._reasoning or self._extras):
            self.state = {"reasoning_content": "".join(self._reasoning), "calls": self._extras}
        super().end()

    def _is_another(self, slot: int, fragment: _Fragment, name: str | None) -> bool:
        if fragment.id and name:
            return fragment.id != self._ids[slot]
        return bool(name) and fragment.index is None


def _message(message: ModelMessage, target: Target) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": text_of(message)}
    content = _content(message) if message.parts else message.text
    if not message.tool_calls:
        return {"role": message.role, "content": content}
    state = state_of(message, target)
    extras: Mapping[str, Any] = state.get("calls", {})
    calls = [_call(call, extras.get(str(number))) for number, call in enumerate(message.tool_calls)]
    reasoning = {"reasoning_content": thought} if (thought := state.get("reasoning_content")) else {}
    return {"role": message.role, "content": content or None, "tool_calls": calls, **reasoning}


def _call(call: ToolCall, extra_content: Any) -> dict[str, Any]:
    row = {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    return row if extra_content is None else {**row, "extra_content": extra_content}


def _content(message: ModelMessage) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for part in message.content:
        if isinstance(part, ImagePart):
            image_of(part)  # refuses what is no image
            parts.append({"type": "image_url", "image_url": {"url": part.url}})
        else:
            parts.append({"type": "text", "text": part.text})
    return parts


def tool_of(tool: ToolSpec) -> dict[str, Any]:
    return {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}


def _can_be_strict(schema: Any) -> bool:
    """OpenAI guarantees a schema only when each of its objects requires all its properties and allows no others, and refuses to try otherwise."""
    if isinstance(schema, Mapping):
        given = cast("Mapping[str, Any]", schema)
        if given.get("type") == "object":
            properties: Any = given.get("properties", {})
            if given.get("additionalProperties") is not False or set(properties) != set(given.get("required", ())):
                return False
        return all(_can_be_strict(value) for value in given.values())
    return not isinstance(schema, list) or all(_can_be_strict(value) for value in cast("list[Any]", schema))
