"""What the fake model does with one request, and the bytes it sends for it."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import msgspec

Fault = Literal["hang_before_headers", "hang_after_headers", "hang", "ping", "fin", "rst", "error", "garbage"]
"""`hang*`: silence. `ping`: only comments from then on. `fin`, `rst`: the connection ends. `error`: an error object in the stream. `garbage`: not HTTP."""


class FakeToolCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    arguments: str = "{}"
    id: str | None = "call_fake"
    index: int | None = None


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The default is eight chunks, "w0 " to "w7 ", as fast as the peer reads, with usage."""

    chunks: int = 8
    text: str | None = None
    """The text of every chunk; without it chunk i is "w<i> ", so that a lost or doubled one shows."""
    texts: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    reasoning_key: str = "reasoning_content"
    tool_calls: tuple[FakeToolCall, ...] = ()
    """Called when the last message is not a tool's result; after that comes the text."""
    fragment_chars: int = 8
    finish_reason: str | None = None
    finish: bool = True
    done: bool = True
    usage: Any = "counted"
    """"counted", None (none is sent), one object, or a list of objects."""
    usage_place: Literal["after_finish", "with_finish", "after_done"] = "after_finish"

    first_byte_seconds: float = 0
    pace_seconds: float = 0
    """Between chunks. At 0 each chunk is its own write."""
    burst: bool = False
    """All in one write."""
    split_bytes: int = 0
    """Cut the stream into pieces of so many bytes, across lines and characters."""
    newline: str = "\n"

    status: int = 200
    headers: dict[str, str] = {}
    content_type: str = "text/event-stream"
    body: str | None = None
    """Sent instead of a stream, or with a status other than 200."""
    raw: str | None = None
    """Sent as the stream, byte for byte."""
    fault: Fault | None = None
    at_chunk: int = 0

    @classmethod
    def of_model(cls, name: str) -> "Script | None":
        """`chunks=64;pace_seconds=0.05` as a model's name is a script."""
        if "=" not in name:
            return None
        pairs = [part.partition("=") for part in name.split(";") if part]
        return msgspec.convert({key: value for key, _, value in pairs}, cls, strict=False)

    def text_of(self, number: int) -> str:
        return self.text if self.text is not None else f"w{number} "

    @property
    def answer(self) -> str:
        return "".join(self.pieces)

    @property
    def pieces(self) -> tuple[str, ...]:
        return self.texts or tuple(self.text_of(number) for number in range(self.chunks))


def _chunk(model: str, delta: Any = None, finish_reason: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return msgspec.json.encode({"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices, **more})


def _tool_fragments(script: Script) -> Iterator[dict[str, Any]]:
    for number, call in enumerate(script.tool_calls):
        index = number if call.index is None else call.index
        first: dict[str, Any] = {"index": index, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield first if call.id is None else {**first, "id": call.id}
        for start in range(0, len(call.arguments), script.fragment_chars):
            yield {"index": index, "function": {"arguments": call.arguments[start : start + script.fragment_chars]}}


def counted_usage(script: Script, prompt_chars: int) -> dict[str, int]:
    prompt, completion = max(1, prompt_chars // 4), len(script.pieces)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _payloads(script: Script, model: str, uses_tools: bool, usages: list[Any]) -> list[bytes]:
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


@lru_cache(maxsize=256)
def _frames(encoded_script: bytes, model: str, uses_tools: bool, usages: bytes) -> tuple[bytes, ...]:
    script = msgspec.json.decode(encoded_script, type=Script)
    newline = script.newline.encode()
    if script.raw is not None:
        frames = [script.raw.encode()]
    else:
        frames = [b"data: " + payload + newline * 2 for payload in _payloads(script, model, uses_tools, msgspec.json.decode(usages))]
    if script.split_bytes:
        whole = b"".join(frames)
        frames = [whole[start : start + script.split_bytes] for start in range(0, len(whole), script.split_bytes)]
    return tuple(http_chunk(frame) for frame in frames)


def frames_of(script: Script, encoded_script: bytes, model: str, uses_tools: bool, prompt_chars: int, wants_usage: bool) -> tuple[bytes, ...]:
    """The stream as ready HTTP chunks, one per write; cached, so that a benchmark pays for making them once."""
    usage = counted_usage(script, prompt_chars) if script.usage == "counted" and wants_usage else None if script.usage == "counted" else script.usage
    usages = usage if isinstance(usage, list) else [] if usage is None else [usage]
    return _frames(encoded_script, model, uses_tools, msgspec.json.encode(usages))


def http_chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)
