"""Chat, as Ollama streams it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from bench.fake_model.script import FakeToolCall, Script
from bench.fake_model.wire import CANARY, encode


class FakeOllama:
    name = "ollama"
    content_type = "application/x-ndjson"
    ping = b"\n"

    def has_result(self, request: dict[str, Any]) -> bool:
        return request["messages"][-1]["role"] == "tool"

    def prompt_chars(self, request: dict[str, Any]) -> int:
        return sum(len(str(message.get("content") or "")) for message in request["messages"])

    def wants_usage(self, request: dict[str, Any]) -> bool:
        return True

    def counted_usage(self, script: Script, prompt_chars: int) -> dict[str, int]:
        return {"prompt_eval_count": max(1, prompt_chars // 4), "eval_count": len(script.pieces)}

    def frames(self, script: Script, model: str, uses_tools: bool, usages: Sequence[Any]) -> list[bytes]:
        rows = [_line(model, content="", thinking=text) for text in script.reasoning]
        rows += [_line(model, content="", tool_calls=[_call(call)]) for call in script.tool_calls] if uses_tools else []
        rows += [] if uses_tools else [_line(model, content=text) for text in script.pieces]
        if script.finish:
            counts = usages[0] if usages and isinstance(usages[0], dict) else {}
            rows.append(_line(model, content="") | {"done": True, "done_reason": script.finish_reason or "stop", "total_duration": 1, **counts})
        return [encode(row) + script.newline.encode() for row in rows]

    def list(self, names: Sequence[str]) -> dict[str, Any]:
        return {"models": [{"name": f"{name}:latest", "model": f"{name}:latest", "size": 1, "digest": "d", "details": {"family": "llama"}} for name in names]}

    def error_body(self, status: int) -> str:
        return encode({"error": f"nope, {CANARY}"}).decode()

    def error_frame(self) -> bytes:
        return self.error_body(500).encode() + b"\n"


def _line(model: str, **message: Any) -> dict[str, Any]:
    return {"model": model, "created_at": "2026-11-01T00:00:00.000000Z", "message": {"role": "assistant", **message}, "done": False}


def _call(call: FakeToolCall) -> dict[str, Any]:
    given_id = {} if call.id is None else {"id": call.id}
    return {**given_id, "function": {"name": call.name, "arguments": msgspec.json.decode(call.arguments)}}
