"""An export to be read: what a message says is in it, and nothing that it could do."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from parlor.chat.schemas import MessageRead
from parlor.chat.transfer.markdown import fenced, heading, line, prose, said
from parlor.core.ids import new_id

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
_reader = MarkdownIt("commonmark", {"html": True})

PIECES = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "![x](http://example.com/p.png)", "```", "````", "~~~", "```html", "   ```", "    ````", "> ```",
    "- item", "  - ```", "1. ```", "\t```", "`", "``", "</details>", "<!--", "text", "", "\r", "\u2028", "[a]: <b>", "# Heading", "\\", "&lt;", "|", "~~~~ `",
)  # fmt: skip


def _message(*parts: dict[str, Any], role: str = "assistant", status: str = "complete") -> MessageRead:
    return MessageRead.model_validate(
        {"id": new_id(), "parent_id": None, "role": role, "parts": list(parts), "status": status, "turn_id": None, "created_at": AT, "usage": None}
    )


def _kinds(markdown: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for token in _reader.parse(markdown):
        found.append((token.type, token.content))
        found += [(child.type, child.content) for child in token.children or ()]
    return found


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=12).flatmap(lambda lines: st.sampled_from(["\n", " ", "\n\n"]).map(lambda glue: glue.join(lines))))
def test_no_message_brings_html_or_pictures_or_swallows_what_follows(text: str) -> None:
    whole = f"{prose(text)}\n\n## End\n"
    tokens = _reader.parse(whole)
    kinds = {kind for kind, _ in _kinds(whole)}
    assert not kinds & {"html_block", "html_inline", "image"}, whole
    assert [token.content for token in tokens if token.type == "inline"][-1] == "End", whole


def test_code_is_kept_as_it_is() -> None:
    text = "Look:\n```html\n<b>&amp;</b> ![x](y)\n```\nand `x`."
    assert ("fence", "<b>&amp;</b> ![x](y)\n") in _kinds(prose(text))
    assert prose("a\n```\nnever closed <b>").endswith("```\nnever closed <b>\n```")
    assert fenced("four ```` ticks").startswith("`````\n")


def test_a_message_is_a_heading_and_what_was_said() -> None:
    shown = said(_message({"type": "text", "text": "It is **warm**."}, status="stopped"))
    assert shown == "\n## Assistant (stopped), 2026-11-02 09:30 UTC\n\nIt is **warm**.\n"
    assert said(_message({"type": "text", "text": "Hi"}, role="user")).startswith("\n## You, ")


def test_tools_are_folded_with_their_arguments_and_results() -> None:
    shown = said(
        _message(
            {"type": "reasoning", "text": "Hm </details>"},
            {"type": "tool_call", "call_id": "1", "tool": "web<x>", "arguments": {"q": "</details><script>"}},
            {"type": "tool_result", "call_id": "1", "result": "raw ``` text"},
            {"type": "tool_call", "call_id": "2", "tool": "t", "arguments": "{broken"},
            {"type": "tool_result", "call_id": "2", "error": "no"},
            {"type": "source", "index": 1, "title": "A <b>book</b>", "locator": "page 3", "quote": "", "source": "s"},
            {"type": "file", "file_id": "x", "name": "a](javascript:1)"},
            {"type": "image", "url": "https://example.com/x.png"},
            {"type": "summary", "text": "Before", "replaces": []},
            {"type": "something new"},
        )
    )
    html = [content.strip() for kind, content in _kinds(shown) if kind.startswith("html")]
    summaries = ["Reasoning", "Tool call: web_x_", "Tool result", "Tool call: t", "Tool error", "Summary of what was said before"]
    assert html == [each for summary in summaries for each in (f"<details><summary>{summary}</summary>", "</details>")]
    assert ("fence", '{\n  "q": "</details><script>"\n}\n') in _kinds(shown)
    assert "\\[1\\] A \\<b\\>book\\</b\\>, page 3" in shown


def test_a_title_is_one_line_of_text() -> None:
    assert heading("A\n<b>", AT) == "# A \\<b\\>\n\n2026-11-02 09:30 UTC\n"
    assert heading("", AT).startswith("# Untitled\n")
    assert line("[x](y)\n# z") == "\\[x\\](y) \\# z"
