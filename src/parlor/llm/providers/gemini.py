"""Gemini's own protocol, at `/v1beta` and `/v1` alike."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from parlor.llm.errors import ModelFailed
from parlor.llm.fields import field_of
from parlor.llm.ports import FinishReason, ImagePart, ModelMessage, ModelRequest, TextPart, ToolSpec
from parlor.llm.providers.complaints import failure_in_stream
from parlor.llm.providers.content import arguments_of, inline_image_of, system_of, text_of, tools_by_call
from parlor.llm.providers.reading import Reading
from parlor.llm.providers.usage import count_of, later
from parlor.llm.providers.wire import Target, state_of
from parlor.llm.sse import SseDecoder

_OWN_FIELDS = frozenset({"model", "contents", "systemInstruction", "tools"})
_FINISH_REASONS: Mapping[str, FinishReason] = {
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
}
_UNREADABLE_CALL = "The model wrote a tool call that its provider could not read."
_FAILURES: Mapping[str, str] = {
    "MALFORMED_FUNCTION_CALL": _UNREADABLE_CALL,
    "UNEXPECTED_TOOL_CALL": _UNREADABLE_CALL,
    "TOO_MANY_TOOL_CALLS": "The model called tools again and again, and its provider ended that.",
    "OTHER": "The model's provider ended the answer without saying why.",
}


_NO_USAGE = msgspec.Raw()


class _FunctionCall(msgspec.Struct, gc=False):
    id: str | None = None
    name: str | None = None
    args: dict[str, Any] | None = None


class _Part(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: _FunctionCall | None = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    index: int = 0
    content: _Content | None = None
    finish_reason: str | None = None


class _Feedback(msgspec.Struct, gc=False, rename="camel"):
    block_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: msgspec.Raw = _NO_USAGE
    prompt_feedback: _Feedback | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class GeminiWire:
    content_types = ("text/event-stream",)

    def url_of(self, target: Target) -> str:
        return f"{target.endpoint.base_url}/models/{quote(target.model, safe='')}:streamGenerateContent?alt=sse"

    def body_of(self, request: ModelRequest, target: Target) -> dict[str, Any]:
        body: dict[str, Any] = {key: value for key, value in request.extra.items() if key not in _OWN_FIELDS}
        body["contents"] = _contents(request.messages, target)
        if system := system_of(request.messages):
            body["systemInstruction"] = {"parts": [{"text": system}]}
        if request.tools:
            body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in request.tools]}]
        config = {**body.get("generationConfig", {}), **_config(request)}
        return {**body, "generationConfig": config} if config else body

    def open(self, target: Target) -> "GeminiReading":
        return GeminiReading(target.name)


class GeminiReading(Reading[_Chunk]):
    """The state has, by a call's number, the id that Gemini gave it and the signature of the thought behind it: Gemini 3 goes on with those alone."""

    def __init__(self, model: str) -> None:
        super().__init__(model, SseDecoder(), _decode)
        self._counts = _NO_USAGE

    def take(self, payload: _Chunk, /) -> None:
        candidate = payload.candidates[0] if payload.candidates else None
        if candidate is not None and not candidate.index:
            if candidate.content is not None:
                for part in candidate.content.parts or ():
                    self._take_part(part)
            if candidate.finish_reason:
                self.finish_reason = _reason_of(candidate.finish_reason)
        if payload.usage_metadata:
            self._counts = payload.usage_metadata
        if payload.prompt_feedback is not None and payload.prompt_feedback.block_reason:
            self.finish_reason = "content_filter"
        if payload.error is not None:
            raise failure_in_stream(payload.error)

    def _take_part(self, part: _Part) -> None:
        if text := part.text:
            if part.thought:
                self.batch.add_reasoning(text)
            else:
                self.batch.add_text(text)
        elif (call := part.function_call) is not None:
            number = self.call(call.id, call.name, call.args or {})
            kept = {"id": call.id, "thoughtSignature": part.thought_signature}
            self.state[str(number)] = {name: value for name, value in kept.items() if value}

    def end(self) -> None:
        """Every chunk reports the sums so far, so the last one counts. What was thought is counted beside the answer."""
        if self._counts:
            self._take_usage(msgspec.json.decode(self._counts))
        super().end()

    def _take_usage(self, counts: Any) -> None:
        thoughts = count_of(counts, "thoughtsTokenCount") or 0
        prompt = count_of(counts, "promptTokenCount")
        said = 0 if field_of(counts, "candidatesTokenCount") is None else count_of(counts, "candidatesTokenCount")
        self.usage = later(
            self.usage,
            None if prompt is None else prompt + (count_of(counts, "toolUsePromptTokenCount") or 0),
            None if said is None else said + thoughts,
            count_of(counts, "cachedContentTokenCount"),
            thoughts,
        )


def _reason_of(text: str) -> FinishReason:
    """Everything unknown is a stop. Raises ModelFailed where there is no answer to speak of."""
    if detail := _FAILURES.get(text):
        raise ModelFailed("provider_error", detail, accepted=True)
    return "content_filter" if text.startswith("IMAGE_") else _FINISH_REASONS.get(text, "stop")


def _contents(messages: Sequence[ModelMessage], target: Target) -> list[dict[str, Any]]:
    """Roles alternate, results of tools are what the user says next, and nothing is empty."""
    tools, ids = tools_by_call(messages), _given_ids(messages, target)
    rows: list[dict[str, Any]] = []
    for message in (each for each in messages if each.role != "system"):
        parts = _parts(message, target) if message.role != "tool" else [_result(message, tools, ids)]
        role = "model" if message.role == "assistant" else "user"
        if parts and rows and rows[-1]["role"] == role:
            rows[-1]["parts"] += parts
        elif parts:
            rows.append({"role": role, "parts": parts})
    return rows


def _parts(message: ModelMessage, target: Target) -> list[dict[str, Any]]:
    state = state_of(message, target)
    parts = [_said(part) for part in message.content]
    for number, call in enumerate(message.tool_calls):
        kept: Mapping[str, str] = state.get(str(number), {})
        signature = {"thoughtSignature": kept["thoughtSignature"]} if "thoughtSignature" in kept else {}
        given_id = {"id": kept["id"]} if "id" in kept else {}
        parts.append({"functionCall": {**given_id, "name": call.name, "args": arguments_of(call)}, **signature})
    return parts


def _said(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": part.text}
    image = inline_image_of(part)
    return {"inlineData": {"mimeType": image.media_type, "data": image.data}}


def _given_ids(messages: Sequence[ModelMessage], target: Target) -> Mapping[str, str]:
    """Gemini's own ids by ours. Calls that it gave none are told apart by their order, as it does itself."""
    found: dict[str, str] = {}
    for message in messages:
        state = state_of(message, target)
        found |= {call.call_id: given for number, call in enumerate(message.tool_calls) if (given := field_of(state.get(str(number)), "id"))}
    return found


def _result(message: ModelMessage, tools: Mapping[str, str], ids: Mapping[str, str]) -> dict[str, Any]:
    call_id, text = message.call_id or "", text_of(message)
    try:
        response = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        response = {"output": text}
    given_id = {"id": ids[call_id]} if call_id in ids else {}
    return {"functionResponse": {**given_id, "name": tools.get(call_id, "unknown"), "response": response}}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters}


def _config(request: ModelRequest) -> dict[str, Any]:
    given = {
        "maxOutputTokens": request.max_output_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
        "responseMimeType": None if request.response_schema is None else "application/json",
        "responseJsonSchema": request.response_schema,
    }
    return {name: value for name, value in given.items() if value is not None}
