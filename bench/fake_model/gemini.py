"""Generated content, as Gemini streams it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from bench.fake_model.script import FakeToolCall, Script
from bench.fake_model.wire import CANARY, encode, sse

_ERRORS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL",
    503: "UNAVAILABLE",
}  # fmt: skip


class FakeGemini:
    name = "gemini"
    content_type = "text/event-stream"
    ping = b": ping\n\n"

    def has_result(self, request: dict[str, Any]) -> bool:
        return "functionResponse" in request["contents"][-1]["parts"][-1]

    def prompt_chars(self, request: dict[str, Any]) -> int:
        return sum(len(str(part.get("text", ""))) for content in request["contents"] for part in content["parts"])

    def wants_usage(self, request: dict[str, Any]) -> bool:
        return True

    def counted_usage(self, script: Script, prompt_chars: int) -> dict[str, int]:
        prompt, said = max(1, prompt_chars // 4), len(script.pieces)
        return {"promptTokenCount": prompt, "candidatesTokenCount": said, "totalTokenCount": prompt + said}

    def frames(self, script: Script, model: str, uses_tools: bool, usages: Sequence[Any]) -> list[bytes]:
        parts: list[dict[str, Any]] = [{"text": text, "thought": True} for text in script.reasoning]
        parts += [_call(call) for call in script.tool_calls] if uses_tools else [{"text": text} for text in script.pieces]
        counts = usages[0] if usages else None
        # Each chunk tells the sums so far: the first ones less than the last.
        early = {**counts, "candidatesTokenCount": 1} if isinstance(counts, dict) and "candidatesTokenCount" in counts else None
        rows = [_chunk(model, part, early) for part in parts]
        if script.finish:
            rows.append(_chunk(model, {"text": ""}, counts, finishReason=script.finish_reason or "STOP"))
        return [sse(encode(row), script) for row in rows]

    def list(self, names: Sequence[str]) -> dict[str, Any]:
        facts = {"inputTokenLimit": 1_048_576, "outputTokenLimit": 2_048, "supportedGenerationMethods": ["generateContent", "countTokens"]}
        embedding = {"name": "models/fake-embedding", "supportedGenerationMethods": ["embedContent"]}
        return {"models": [*({**facts, "name": f"models/{name}", "displayName": name} for name in names), embedding]}

    def error_body(self, status: int) -> str:
        return encode({"error": {"code": status, "message": f"nope, {CANARY}", "status": _ERRORS.get(status, "UNKNOWN")}}).decode()

    def error_frame(self) -> bytes:
        return b"data: " + self.error_body(500).encode() + b"\n\n"


def _chunk(model: str, part: dict[str, Any], usage: Any, **candidate: Any) -> dict[str, Any]:
    row = {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0, **candidate}], "modelVersion": model, "responseId": "fake"}
    return row if usage is None else {**row, "usageMetadata": usage}


def _call(call: FakeToolCall) -> dict[str, Any]:
    given_id = {} if call.id is None else {"id": call.id}
    signature = {} if call.signature is None else {"thoughtSignature": call.signature}
    return {"functionCall": {**given_id, "name": call.name, "args": msgspec.json.decode(call.arguments)}, **signature}
