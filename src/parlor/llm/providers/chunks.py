"""The OpenAI wire, typed: only the fields that are used, each as lenient as the servers in the field are different."""

from typing import Any, cast

import msgspec

from parlor.llm.ports import FinishReason, Usage

_MAX_TOKENS = 2**31 - 1


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class Fragment(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Part(msgspec.Struct, gc=False):
    text: str | None = None


class Delta(msgspec.Struct, gc=False):
    """`refusal` is OpenAI's text of a model that declines. Mistral sends `content` as parts. Reasoning has three names in the field."""

    content: str | list[Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    tool_calls: list[Fragment] | None = None


class Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None


decode_chunk = msgspec.json.Decoder(Chunk).decode

_FINISH_REASONS: dict[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
}


def finish_reason_of(text: str) -> FinishReason:
    """Everything unknown ("stop", "end_turn", "eos") is a stop."""
    return _FINISH_REASONS.get(text.lower(), "stop")


def text_of(content: str | list[Part]) -> str:
    return content if isinstance(content, str) else "".join(part.text or "" for part in content)


def usage_of(counts: Any, before: Usage | None) -> Usage | None:
    """The usage that a chunk reports, never less than what was reported before; None when there is none that can be believed.

    Negative counts, and zeros only, are not believed: whoever charges then counts what was delivered.
    """
    given = (_count(counts, "prompt_tokens", "input_tokens"), _count(counts, "completion_tokens", "output_tokens"))
    if None in given or not any(given):
        return before
    cached = _count(_sub(counts, "prompt_tokens_details", "input_tokens_details"), "cached_tokens") or 0
    reasoning = _count(_sub(counts, "completion_tokens_details", "output_tokens_details"), "reasoning_tokens") or 0
    now = Usage(given[0] or 0, given[1] or 0, cached, reasoning)
    if before is None:
        return now
    return Usage(
        max(now.input_tokens, before.input_tokens),
        max(now.output_tokens, before.output_tokens),
        max(now.cached_tokens, before.cached_tokens),
        max(now.reasoning_tokens, before.reasoning_tokens),
    )


def marks_of(given: Any) -> str:
    """`code` and `type` of an error object, however it is wrapped, to look for known words in. Its message may quote keys and is not read."""
    error: Any = cast("list[Any]", [*given, None])[0] if isinstance(given, list) else given  # Gemini sends a list
    inner: Any = _sub(error, "error") or error
    return f"{_get(inner, 'code')} {_get(inner, 'type')}".lower()


def marks_of_body(raw: bytes) -> str:
    try:
        return marks_of(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _get(value: Any, name: str) -> Any:
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


def _sub(value: Any, *names: str) -> Any:
    found = (_get(value, name) for name in names)
    return next((cast("Any", inner) for inner in found if isinstance(inner, dict)), None)


def _count(counts: Any, *names: str) -> int | None:
    """None unless it is a number and not negative; cut off where the columns end."""
    value = next((found for name in names if (found := _get(counts, name)) is not None), None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return int(min(value, _MAX_TOKENS))
