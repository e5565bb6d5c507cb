"""What the fake model needs of a protocol to speak it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from bench.fake_model.script import Script

encode = msgspec.json.encode
CANARY = "your key was sk-secret-canary"
"""Stands in every error, to see that nobody repeats it."""


class FakeWire(Protocol):
    name: str
    content_type: str
    ping: bytes

    def has_result(self, request: dict[str, Any]) -> bool:
        """Whether the last message is the result of a tool."""
        ...

    def prompt_chars(self, request: dict[str, Any]) -> int: ...

    def wants_usage(self, request: dict[str, Any]) -> bool: ...

    def counted_usage(self, script: Script, prompt_chars: int) -> Any: ...

    def frames(self, script: Script, model: str, uses_tools: bool, usages: Sequence[Any]) -> list[bytes]:
        """The whole stream, a frame for each write."""
        ...

    def list(self, names: Sequence[str]) -> dict[str, Any]:
        """The models there are."""
        ...

    def error_body(self, status: int) -> str: ...

    def error_frame(self) -> bytes: ...


@lru_cache(maxsize=256)
def _frames(wire: FakeWire, encoded_script: bytes, model: str, uses_tools: bool, usages: bytes) -> tuple[bytes, ...]:
    script = msgspec.json.decode(encoded_script, type=Script)
    frames = [script.raw.encode()] if script.raw is not None else wire.frames(script, model, uses_tools, msgspec.json.decode(usages))
    if script.split_bytes:
        whole = b"".join(frames)
        frames = [whole[start : start + script.split_bytes] for start in range(0, len(whole), script.split_bytes)]
    return tuple(http_chunk(frame) for frame in frames)


def frames_of(wire: FakeWire, script: Script, encoded_script: bytes, model: str, request: dict[str, Any]) -> tuple[bytes, ...]:
    """The stream as ready HTTP chunks, one per write; cached, so that a benchmark pays for making them once."""
    uses_tools = bool(script.tool_calls) and (script.calls_again or not wire.has_result(request))
    usage = script.usage
    if usage == "counted":
        usage = wire.counted_usage(script, wire.prompt_chars(request)) if wire.wants_usage(request) else None
    usages = usage if isinstance(usage, list) else [] if usage is None else [usage]
    return _frames(wire, encoded_script, model, uses_tools, encode(usages))


def http_chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def sse(payload: bytes, script: Script, event: str | None = None) -> bytes:
    newline = script.newline.encode()
    return (f"event: {event}".encode() + newline if event else b"") + b"data: " + payload + newline * 2
