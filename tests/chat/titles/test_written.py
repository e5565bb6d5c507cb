"""What is taken of a model's answer: plain words, and no more of them than a title has."""

import json

import pytest

from parlor.chat.titles.written import Written, beginning_of, plain_line
from parlor.llm import reader_of
from parlor.llm.stateless.structured import Unusable

read = reader_of(Written)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('  "Weather in Bergen"  ', "Weather in Bergen"),
        ("# **A\nlong\ttitle**", "A long title"),
        ("<script>alert(1)</script>Hi", "alert(1)Hi"),
        ("a\u202eb\u0000c\u200bd\x1b[31m", "abcd[31m"),
        ("x" * 100, "x" * 79 + "…"),
        ("“Zitat”", "Zitat"),
    ],
)
def test_a_title_is_one_plain_line(text: str, plain: str) -> None:
    assert plain_line(text, 80) == plain


def test_suggestions_are_three_at_most_and_different() -> None:
    answer = {"title": "T", "suggestions": ["One?", " One? ", "", "Two?\n", "Three?", "Four?"]}
    assert read(f"```json\n{json.dumps(answer)}\n```") == Written(title="T", suggestions=["One?", "Two?", "Three?"])
    assert read('{"title": "T"}').suggestions == []


@pytest.mark.parametrize("answer", ["", "A title", "[]", '{"title": ""}', '{"title": "\\u200b"}', '{"title": 7}', '{"title": "T", "suggestions": "x"}'])
def test_an_answer_without_a_title_cannot_be_used(answer: str) -> None:
    with pytest.raises(Unusable):
        read(answer)


def test_no_more_is_read_than_a_title_needs() -> None:
    assert len(beginning_of("q" * 9_999, "a" * 9_999)) < 4_100
