"""Ollama's own protocol: lines of JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from parlor.llm.ndjson import LineDecoder
from parlor.llm.ports import ImagePart, ModelMessage, ModelRequest, TextPart
from parlor.llm.providers.complaints import failure_in_stream
from parlor.llm.providers.content import arguments_of, inline_image_of, text_of, tools_by_call
from parlor.llm.providers.openai import tool_of
from parlor.llm.providers.reading import Reading
from parlor.llm.providers.usage import count_of, later
from parlor.llm.providers.wire import Target, state_of

_OWN_FIELDS = frozenset({"model", "messages", "tools", "stream", "format"})


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Call(msgspec.Struct, gc=False):
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct, gc=False):
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Line).decode


class OllamaWire:
    content_types = ("application/x-ndjson", "application/ndjson")

    def url_of(self, target: Target) -> str:
        return f"{target.endpoint.base_url}/api/chat"

    def body_of(self, request: ModelRequest, target: Target) -> dict[str, Any]:
        body: dict[str, Any] = {key: value for key, value in request.extra.items() if key not in _OWN_FIELDS}
        body |= {"model": target.model, "messages": _messages(request.messages, target), "stream": True}
        if request.tools:
            body["tools"] = [tool_of(tool) for tool in request.tools]
        if request.response_schema is not None:
            body["format"] = request.response_schema
        options = {**body.get("options", {}), **_options(request, target)}
        return {**body, "options": options} if options else body

    def open(self, target: Target) -> "OllamaReading":
        return OllamaReading(target.name)


class OllamaReading(Reading[_Line]):
    """The state is what was thought before calls of tools: models that think in between are shown it again."""

    def __init__(self, model: str) -> None:
        super().__init__(model, LineDecoder(), _decode)
        self._thoughts: list[str] = []

    def take(self, payload: _Line, /) -> None:
        if (message := payload.message) is not None:
            if message.thinking:
                self.batch.add_reasoning(message.thinking)
                self._thoughts.append(message.thinking)
            if message.content:
                self.batch.add_text(message.content)
            for call in message.tool_calls or ():
                function = call.function or _Function()
                self.call(call.id, function.name, function.arguments)
        if payload.error is not None:
            raise failure_in_stream(payload.error)
        if payload.done:
            self.is_done = True
            self.finish_reason = "length" if payload.done_reason == "length" else "stop"
            counts = {"prompt": payload.prompt_eval_count, "answer": payload.eval_count}
            self.usage = later(self.usage, count_of(counts, "prompt"), count_of(counts, "answer"), None, None)

    def end(self) -> None:
        if self.call_count and self._thoughts:
            self.state["thinking"] = "".join(self._thoughts)
        super().end()


def _messages(messages: Sequence[ModelMessage], target: Target) -> list[dict[str, Any]]:
    tools = tools_by_call(messages)
    return [_result(message, tools) if message.role == "tool" else _message(message, target) for message in messages]


def _message(message: ModelMessage, target: Target) -> dict[str, Any]:
    row: dict[str, Any] = {"role": message.role, "content": "\n\n".join(part.text for part in message.content if isinstance(part, TextPart))}
    if images := [inline_image_of(part).data for part in message.content if isinstance(part, ImagePart)]:
        row["images"] = images
    if message.tool_calls:
        row["tool_calls"] = [{"function": {"name": call.name, "arguments": arguments_of(call)}} for call in message.tool_calls]
    return {**row, **state_of(message, target)}


def _result(message: ModelMessage, tools: Mapping[str, str]) -> dict[str, Any]:
    return {"role": "tool", "tool_name": tools.get(message.call_id or "", "unknown"), "content": text_of(message)}


def _options(request: ModelRequest, target: Target) -> dict[str, Any]:
    """`num_ctx` only where the operator has set it: Ollama loads the model anew when it changes, and cuts a longer prompt without a word."""
    given = {
        "num_ctx": target.context_tokens,
        "num_predict": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
    }
    return {name: value for name, value in given.items() if value is not None}
