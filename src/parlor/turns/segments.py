"""A turn's log as it is stored: neighbouring deltas of one kind become one text and the lengths it was sent in.

So a stored answer takes little more room than its text, and a replay can still be cut at any number, byte for byte as it was sent.
An entry is `[number, event]` for one event, and `[first, "text" | "reasoning", text, [length, ...]]` for a run of deltas.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from parlor.turns.events import AnyLogEvent, LogEvent, MemoryCompacted, QuestionAnswered, QuestionAsked, ReasoningDelta, TextDelta, ToolCalled, ToolResult

EPOCH_NUMBERS = 1_000_000
"""Numbers that one epoch of a turn may use: the first is (epoch - 1) x this + 1, so that none repeats after a crash."""

_RUNS: dict[type[TextDelta | ReasoningDelta], str] = {TextDelta: "text", ReasoningDelta: "reasoning"}
_DELTAS: dict[str, type[TextDelta] | type[ReasoningDelta]] = {"text": TextDelta, "reasoning": ReasoningDelta}


class Numbered(NamedTuple):
    number: int
    event: LogEvent


def pack(events: Iterable[Numbered]) -> str:
    """The entries as JSON text."""
    entries: list[list[Any]] = []
    texts: list[str] = []
    run: list[Any] | None = None
    for number, event in events:
        if not isinstance(event, (TextDelta, ReasoningDelta)):
            _close(run, texts)
            run = None
            entries.append([number, event])
            continue
        kind = _RUNS[type(event)]
        if run is None or run[1] != kind:
            _close(run, texts)
            run, texts = [number, kind, "", []], []
            entries.append(run)
        texts.append(event.text)
        run[3].append(len(event.text))
    _close(run, texts)
    return msgspec.json.encode(entries).decode()


def _close(run: list[Any] | None, texts: Sequence[str]) -> None:
    if run is not None:
        run[2] = "".join(texts)


def unpack(entries: str) -> Iterator[Numbered]:
    for entry in msgspec.json.decode(entries):
        if len(entry) == 2:
            yield Numbered(entry[0], msgspec.convert(entry[1], AnyLogEvent))
            continue
        number, kind, text, lengths = entry
        start = 0
        for offset, length in enumerate(lengths):
            yield Numbered(number + offset, _DELTAS[kind](text[start : start + length]))
            start += length


def results_missing(events: Iterable[LogEvent]) -> list[ToolResult]:
    """For each tool call that has no result one that says so: a provider refuses history without it."""
    calls: dict[str, ToolResult] = {}
    for event in events:
        if isinstance(event, ToolCalled):
            calls[event.call_id] = ToolResult(call_id=event.call_id, error="interrupted: whether this call took effect is unknown")
        elif isinstance(event, QuestionAsked):
            if (call_id := event.question["call_id"]) not in calls:
                continue  # of an agent that was asked in a call of this turn: not part of this conversation
            calls[call_id] = ToolResult(call_id=call_id, error="not run: the question about it was not answered")
        elif isinstance(event, QuestionAnswered) and event.call_id in calls:
            calls[event.call_id] = ToolResult(call_id=event.call_id, error="interrupted: whether this call took effect is unknown")
        elif isinstance(event, ToolResult):
            calls.pop(event.call_id, None)
    return list(calls.values())


def parts_of(events: Iterable[LogEvent]) -> list[dict[str, Any]]:
    """The parts of the answer that this log tells."""
    parts: list[dict[str, Any]] = []
    texts: list[str] = []
    for event in events:
        if isinstance(event, (TextDelta, ReasoningDelta)):
            kind = _RUNS[type(event)]
            if not parts or parts[-1]["type"] != kind:
                _join(parts, texts)
                texts = []
                parts.append({"type": kind, "text": ""})
            texts.append(event.text)
        elif isinstance(event, ToolCalled):
            _join(parts, texts)
            texts = []
            parts.append({"type": "tool_call", "call_id": event.call_id, "tool": event.tool, "arguments": event.arguments})
        elif isinstance(event, ToolResult):
            _join(parts, texts)
            texts = []
            parts.append(_result_part(event))
        elif isinstance(event, MemoryCompacted):
            _join(parts, texts)
            texts = []
            parts.append({**msgspec.to_builtins(event), "type": "summary"})
        elif isinstance(event, QuestionAnswered) and event.arguments is not None:
            _edit(parts, event)
    _join(parts, texts)
    return parts


def _join(parts: Sequence[dict[str, Any]], texts: Sequence[str]) -> None:
    if texts:
        parts[-1]["text"] = "".join(texts)


def _edit(parts: Iterable[dict[str, Any]], event: QuestionAnswered) -> None:
    """The call was made with other arguments than the model had written: those are what it should remember."""
    for part in parts:
        if part["type"] == "tool_call" and part["call_id"] == event.call_id:
            part["arguments"] = event.arguments


def _result_part(event: ToolResult) -> dict[str, Any]:
    outcome = {"error": event.error} if event.error is not None else {"result": event.result}
    return {"type": "tool_result", "call_id": event.call_id, **outcome}
