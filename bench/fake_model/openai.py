"""Chat completions, as OpenAI streams them."""

from collections.abc import Iterator, Sequence
from typing import Any

from bench.fake_model.script import Script
from bench.fake_model.wire import CANARY, encode, sse


class FakeOpenAI:
    name = "openai"
    content_type = "text/event-stream"
    ping = b": ping\n\n"

    def has_result(self, request: dict[str, Any]) -> bool:
        return request["messages"][-1]["role"] == "tool"

    def prompt_chars(self, request: dict[str, Any]) -> int:
        return sum(len(str(message.get("content") or "")) for message in request["messages"])

    def wants_usage(self, request: dict[str, Any]) -> bool:
        return bool((request.get("stream_options") or {}).get("include_usage"))

    def counted_usage(self, script: Script, prompt_chars: int) -> dict[str, int]:
        prompt, completion = max(1, prompt_chars // 4), len(script.pieces)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def frames(self, script: Script, model: str, uses_tools: bool, usages: Sequence[Any]) -> list[bytes]:
        return [sse(payload, script) for payload in _payloads(script, model, uses_tools, usages)]

    def whole(self, script: Script, request: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": script.answer}
        return {
            "id": "chatcmpl-fake", "object": "chat.completion", "created": 1, "model": request["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": script.finish_reason or "stop"}],
            "usage": self.counted_usage(script, self.prompt_chars(request)),
        }  # fmt: skip

    def list(self, names: Sequence[str]) -> dict[str, Any]:
        return {"object": "list", "data": [{"id": name, "object": "model", "created": 1, "owned_by": "fake"} for name in names]}

    def error_body(self, status: int) -> str:
        code = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}.get(status, "fake_error")
        return encode({"error": {"message": f"nope, {CANARY}", "type": "fake", "param": None, "code": code}}).decode()

    def error_frame(self) -> bytes:
        return b"data: " + encode({"error": {"message": f"boom, {CANARY}", "type": "server_error", "param": None, "code": "x"}}) + b"\n\n"


def _payloads(script: Script, model: str, uses_tools: bool, usages: Sequence[Any]) -> list[bytes]:
    rows = [_chunk(model, {"role": "assistant", "content": ""})]
    rows += [_chunk(model, {script.reasoning_key: text}) for text in script.reasoning]
    if uses_tools:
        rows += [_chunk(model, {"tool_calls": [fragment]}) for fragment in _tool_fragments(script)]
    else:
        rows += [_chunk(model, {"content": text}) for text in script.pieces]
    if script.finish:
        reason = script.finish_reason or ("tool_calls" if uses_tools else "stop")
        rows.append(_chunk(model, {}, reason, **({"usage": usages[0]} if usages and script.usage_place == "with_finish" else {})))
    late = [_chunk(model, usage=usage) for usage in usages]
    if script.usage_place == "after_finish":
        rows += late
    if script.done:
        rows.append(b"[DONE]")
    return rows + late if script.usage_place == "after_done" else rows


def _chunk(model: str, delta: Any = None, finish_reason: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return encode({"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices, **more})


def _tool_fragments(script: Script) -> Iterator[dict[str, Any]]:
    for number, call in enumerate(script.tool_calls):
        index = number if call.index is None else call.index
        first: dict[str, Any] = {"index": index, "type": "function", "function": {"name": call.name, "arguments": ""}}
        if call.signature is not None:  # as Gemini's endpoint of this protocol does
            first["extra_content"] = {"google": {"thought_signature": call.signature}}
        yield first if call.id is None else {**first, "id": call.id}
        for start in range(0, len(call.arguments), script.fragment_chars):
            yield {"index": index, "function": {"arguments": call.arguments[start : start + script.fragment_chars]}}
