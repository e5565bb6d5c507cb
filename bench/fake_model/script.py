"""What the fake model does with one request."""

from typing import Any, Literal

import msgspec

Fault = Literal["hang_before_headers", "hang_after_headers", "hang", "ping", "fin", "rst", "error", "garbage"]
"""`hang*`: silence. `ping`: only comments from then on. `fin`, `rst`: the connection ends. `error`: an error object in the stream. `garbage`: not HTTP."""


class FakeToolCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    arguments: str = "{}"
    id: str | None = "call_fake"
    index: int | None = None
    signature: str | None = None
    """Of the thought behind it, where the protocol has one (Gemini)."""


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The default is eight chunks, "w0 " to "w7 ", as fast as the peer reads, with usage."""

    chunks: int = 8
    text: str | None = None
    """The text of every chunk; without it chunk i is "w<i> ", so that a lost or doubled one shows."""
    texts: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    reasoning_key: str = "reasoning_content"
    signature: str | None = None
    """Of the reasoning, where the protocol has one (Anthropic)."""
    tool_calls: tuple[FakeToolCall, ...] = ()
    """Called when the last message is not a tool's result; after that comes the text."""
    calls_again: bool = False
    """Called after a result as well."""
    fragment_chars: int = 8
    finish_reason: str | None = None
    """As the protocol calls it."""
    finish: bool = True
    done: bool = True
    usage: Any = "counted"
    """"counted", None (none is sent), or one object as the protocol has it; for OpenAI also a list of them. Of embeddings: "counted", None, or a number."""
    usage_place: Literal["after_finish", "with_finish", "after_done"] = "after_finish"

    first_byte_seconds: float = 0
    pace_seconds: float = 0
    """Between chunks. At 0 each chunk is its own write."""
    burst: bool = False
    """All in one write."""
    split_bytes: int = 0
    """Cut the stream into pieces of so many bytes, across lines and characters."""
    newline: str = "\n"

    dimensions: int = 8
    """Of vectors for embeddings, unless the request asks for a length."""
    surplus: int = 0
    """So many vectors more (or, below zero, fewer) than there were texts."""

    status: int = 200
    headers: dict[str, str] = {}
    content_type: str | None = None
    """None is the protocol's own."""
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
