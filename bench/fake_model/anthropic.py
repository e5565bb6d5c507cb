"""Messages, as Anthropic streams them."""

from collections.abc import Iterator, Sequence
from typing import Any

from bench.fake_model.script import FakeToolCall, Script
from bench.fake_model.wire import CANARY, encode, sse

_ERRORS = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
    429: "rate_limit_error", 529: "overloaded_error",
}  # fmt: skip


class FakeAnthropic:
    name = "anthropic"
    content_type = "text/event-stream"
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'

    def has_result(self, request: dict[str, Any]) -> bool:
        content = request["messages"][-1]["content"]
        return isinstance(content, list) and content[-1]["type"] == "tool_result"

    def prompt_chars(self, request: dict[str, Any]) -> int:
        return sum(len(str(message["content"])) for message in request["messages"])

    def wants_usage(self, request: dict[str, Any]) -> bool:
        return True

    def counted_usage(self, script: Script, prompt_chars: int) -> dict[str, int]:
        return {"input_tokens": max(1, prompt_chars // 4), "output_tokens": len(script.pieces)}

    def frames(self, script: Script, model: str, uses_tools: bool, usages: Sequence[Any]) -> list[bytes]:
        return [sse(encode(event), script, event["type"]) for event in _events(script, model, uses_tools, usages)]

    def list(self, names: Sequence[str]) -> dict[str, Any]:
        facts = {"type": "model", "created_at": "2026-01-01T00:00:00Z", "lifecycle": "active", "max_input_tokens": 200_000, "max_tokens": 64_000}
        return {"data": [{**facts, "id": name, "display_name": name} for name in names], "has_more": False, "first_id": None, "last_id": None}

    def error_body(self, status: int) -> str:
        return encode({"type": "error", "error": {"type": _ERRORS.get(status, "api_error"), "message": f"nope, {CANARY}"}, "request_id": "req_1"}).decode()

    def error_frame(self) -> bytes:
        return b"event: error\ndata: " + self.error_body(500).encode() + b"\n\n"


def _events(script: Script, model: str, uses_tools: bool, usages: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The input is counted at the start and the output, cumulative, at the end."""
    counts = usages[0] if usages else {}
    at_start = {"input_tokens": 0, **counts, "output_tokens": 1} if isinstance(counts, dict) and usages else None
    message = {"id": "msg_fake", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": {**message, "usage": at_start} if at_start else message}
    index = 0
    if script.reasoning:
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}
        yield from (_delta(0, type="thinking_delta", thinking=text) for text in script.reasoning)
        if script.signature is not None:
            yield _delta(0, type="signature_delta", signature=script.signature)
        yield {"type": "content_block_stop", "index": 0}
        index = 1
    if uses_tools:
        for number, call in enumerate(script.tool_calls, index):
            yield from _call(number, call, script.fragment_chars)
    else:
        yield {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
        yield from (_delta(index, type="text_delta", text=text) for text in script.pieces)
        yield {"type": "content_block_stop", "index": index}
    if script.finish:
        reason = script.finish_reason or ("tool_use" if uses_tools else "end_turn")
        told = {"usage": {"output_tokens": counts.get("output_tokens"), **_details(counts)} if isinstance(counts, dict) else counts} if usages else {}
        yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, **told}
    if script.done:
        yield {"type": "message_stop"}


def _details(counts: dict[str, Any]) -> dict[str, Any]:
    return {name: counts[name] for name in ("output_tokens_details",) if name in counts}


def _delta(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _call(index: int, call: FakeToolCall, fragment_chars: int) -> Iterator[dict[str, Any]]:
    yield {"type": "content_block_start", "index": index, "content_block": {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}}
    yield _delta(index, type="input_json_delta", partial_json="")
    for start in range(0, len(call.arguments), fragment_chars):
        yield _delta(index, type="input_json_delta", partial_json=call.arguments[start : start + fragment_chars])
    yield {"type": "content_block_stop", "index": index}
