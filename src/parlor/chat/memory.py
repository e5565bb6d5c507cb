"""A session's memory: what a turn knows of what was said before it. The newest messages as they are, and a summary in the place of older ones."""

from collections.abc import Sequence
from typing import Any

import msgspec

from parlor.agents import Agent
from parlor.chat.history import to_model_messages, window
from parlor.chat.summary import Summary, summary_of
from parlor.llm import ModelMessage

_NAMES = {"user": "User", "assistant": "Assistant", "system": "System"}
MOST_RESULT_CHARS = 400
"""Of a tool's result in a text: it is there to say what was found, not to be worked with."""


class Memory(msgspec.Struct, frozen=True):
    """`rows` are what is shown as it is, oldest first; the last one is the question."""

    rows: Sequence[Any]
    summary: Summary | None = None

    @property
    def messages(self) -> list[ModelMessage]:
        """It begins with the user, and ends with the question. The summary belongs into the system prompt (INV-T7)."""
        return to_model_messages(self.rows)

    @property
    def prompt(self) -> str:
        """What the system prompt says of the messages that are no longer shown; empty when there are none."""
        return "" if self.summary is None else self.summary.prompt

    @property
    def tokens(self) -> int:
        return sum(row.tokens for row in self.rows) + (0 if self.summary is None else self.summary.tokens)

    def text_for(self, agent: Agent) -> str:
        """`as_text` for an agent whose prompt wants it, and nothing for any other."""
        return self.as_text() if agent.uses_history else ""

    def as_text(self) -> str:
        """All of it but the question, for prompts that want one string."""
        return memory_text(self.rows[:-1], None if self.summary is None else self.summary.text)


class Past(msgspec.Struct, frozen=True):
    """What a turn has read of its conversation. `rows` are newest first, the question before all; `summary`, if it is there, stands for what is older."""

    rows: Sequence[Any]
    summary: Summary | None
    unread: int | None
    """How many messages are neither here nor in the summary. None: there are some, and nobody has counted them."""
    is_reverted: bool = False
    """Somebody took the summary away: what does not fit is left out, until that is so long ago that it is not seen any more."""

    @classmethod
    def of(cls, newest_first: Sequence[Any], found: Any = None) -> "Past":
        """`found` is what an older answer to the same question says of the summary: an answer that stands beside it remembers the same."""
        at = -1
        if found is None:
            at, found = next(((at, found) for at, row in enumerate(newest_first) if (found := summary_of(row.parts)) is not None), (0, None))
        if not isinstance(found, Summary):
            return cls(newest_first, None, None if newest_first[-1].parent_id is not None else 0, found == "reverted")
        since = at + 1 + found.kept
        return cls(newest_first[:since], found, max(0, since - len(newest_first)))

    def memory(self, *, pairs: int, budget_tokens: int) -> Memory:
        """As much of it as fits. A summary that leaves no room for the question is not shown."""
        if self.summary is not None and self.rows[0].tokens + self.summary.tokens <= budget_tokens:
            return Memory(window(self.rows, pairs=pairs, budget_tokens=budget_tokens - self.summary.tokens), self.summary)
        return Memory(window(self.rows, pairs=pairs, budget_tokens=budget_tokens))

    def is_whole_in(self, memory: Memory) -> bool:
        """Nothing that anybody asked is left out. An answer at the beginning whose question nobody knows, as an import may bring, is not missed."""
        left_out = self.rows[len(memory.rows) :]
        return self.unread == 0 and not any(row.role == "user" for row in left_out)


def memory_text(rows: Sequence[Any], summary: str | None) -> str:
    """`User: ...` and `Assistant: ...`, oldest first, after the summary."""
    lines = [] if summary is None else [f"Summary of what was said before: {summary}"]
    return "\n".join([*lines, *(f"{_NAMES.get(row.role, row.role)}: {text}" for row in rows if (text := row_text(row)))])


def row_text(row: Any, most_result_chars: int = MOST_RESULT_CHARS) -> str:
    """One message with the tools that it used, in the order of its parts."""
    if row.parts is None:
        return row.text
    return " ".join(filter(None, (_part_text(part, most_result_chars) for part in row.parts)))


def _part_text(part: dict[str, Any], most_result_chars: int) -> str:
    match part["type"]:
        case "text":
            return part["text"].strip()
        case "tool_call":
            return f"[{part['tool']}: {_shortened(part['arguments'], most_result_chars)}]"
        case "tool_result":
            return f"[-> {_shortened(part.get('error') or part.get('result'), most_result_chars)}]"
        case _:
            return ""


def _shortened(value: Any, most_chars: int) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= most_chars else f"{text[:most_chars]} ... ({len(text)} characters)"
