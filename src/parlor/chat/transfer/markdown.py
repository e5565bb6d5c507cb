"""Messages as Markdown that says what was said and does nothing else.

A message is Markdown itself, and may hold HTML that runs, pictures that report who looks, or a fence that swallows what follows. So its code blocks
are fenced anew, with more ticks than it has anywhere, and outside of them no `<`, no fence and no picture is left as it was.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from parlor.chat.schemas import MessageRead

_NAMES = {"user": "You", "assistant": "Assistant", "system": "System"}
_STATUSES = {"stopped": "stopped", "failed": "failed", "interrupted": "interrupted"}
_OPENING = re.compile(r"(`{3,}|~{3,})[ \t]*([A-Za-z0-9_+.#-]{0,40})[^`]*")
_TICKS = re.compile(r"`+")
_FENCE = re.compile(r"`{3,}|~{3,}")


def heading(title: str, created_at: datetime) -> str:
    return f"# {line(title) or 'Untitled'}\n\n{_time(created_at)}\n"


def said(message: MessageRead) -> str:
    """With a blank line before it."""
    status = f" ({_STATUSES[message.status]})" if message.status in _STATUSES else ""
    pieces = [f"## {_NAMES[message.role]}{status}, {_time(message.created_at)}", *filter(None, map(_part, message.parts))]
    return "\n" + "\n\n".join(pieces) + "\n"


def line(text: str) -> str:
    """One line without any markup that counts."""
    return re.sub(r"([\\`*_\[\]#<>|~&!])", r"\\\1", " ".join(text.split()))


def prose(text: str) -> str:
    """Markdown of somebody, in which nothing is HTML, a picture or an open fence."""
    return "\n".join(_blocks(text)).strip("\n")


def fenced(text: str, language: str = "") -> str:
    """The fence is longer than any ticks within, so that nothing of it can end it."""
    ticks = "`" * max(3, 1 + max(map(len, _TICKS.findall(text)), default=0))
    return f"{ticks}{language}\n{text}\n{ticks}"


def _blocks(text: str) -> Iterator[str]:
    """Only a fence that begins a line is one: what is indented may belong to a list, whose end would end it too."""
    code: list[str] | None = None
    fence = language = ""
    for each in text.splitlines():
        if code is None:
            opening = _OPENING.fullmatch(each)
            if opening is None:
                yield _plain(each)
            else:
                code, fence, language = [], opening[1], opening[2]
        elif each.strip(" \t") == fence[0] * max(len(fence), len(each.strip(" \t"))):
            yield from ("", fenced("\n".join(code), language), "")
            code = None
        else:
            code.append(each)
    if code is not None:
        yield from ("", fenced("\n".join(code), language), "")


def _plain(each: str) -> str:
    escaped = each.replace("<", "&lt;").replace("![", "\\![")
    return _FENCE.sub(lambda run: "".join(f"\\{tick}" for tick in run[0]), escaped)


def _part(part: Mapping[str, Any]) -> str:
    match part["type"]:
        case "text":
            return prose(part["text"])
        case "reasoning":
            return _folded("Reasoning", prose(part["text"]))
        case "tool_call":
            return _folded(f"Tool call: {_tag(part['tool'])}", _json(part["arguments"]))
        case "tool_result":
            error = part.get("error")
            return _folded("Tool result", _json(part.get("result"))) if error is None else _folded("Tool error", fenced(str(error)))
        case "source":
            return f"\\[{line(str(part.get('index', '')))}\\] {', '.join(filter(None, (line(str(part.get(name) or '')) for name in ('title', 'locator'))))}"
        case "file":
            return f"File: {line(str(part.get('name') or ''))}"
        case "image":
            return "Image"
        case "summary":
            return _folded("Summary of what was said before", prose(part["text"]))
        case _:
            return ""


def _folded(summary: str, content: str) -> str:
    """The only HTML there is, and none of it comes from a message: a blank line ends it."""
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"


def _json(value: Any) -> str:
    return fenced(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2), "" if isinstance(value, str) else "json")


def _tag(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
