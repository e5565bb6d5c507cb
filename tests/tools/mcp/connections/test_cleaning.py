"""Text of servers, as models and people see it."""

import pytest

from parlor.tools.mcp.connections.cleaning import clean, cleaned, is_clean, sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words", "plain words"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("Grüße, 世界, שלום, 🙂", "Grüße, 世界, שלום, 🙂"),
        ("a\x00b\x1b[31mc\x7f\x9b", "ab[31mc"),
        ("zero\u200bwidth\u200d\u2060\ufeff", "zerowidth"),
        ("turned\u202eround\u2066", "turnedround"),
        ("tags" + "".join(chr(0xE0000 + ord(letter)) for letter in "ignore") + "\U000e0100", "tags"),
        ("fillers\u3164\u115f", "fillers"),
        ("lines\u2028\u2029", "lines"),
        ("private\ue000\U000f0000", "private"),
        ("soft\u00adhyphen", "softhyphen"),
    ],
)
def test_what_nobody_sees_is_taken_out(text: str, expected: str) -> None:
    assert clean(text) == expected
    assert is_clean(text) == (text == expected and not set("\n\t") & set(text))


def test_a_sentence_is_one_line_of_bounded_length() -> None:
    assert sentence(" one\n two\u200b\t three ") == "one two three"
    assert len(sentence("x" * 10**7)) == 500


def test_every_text_in_a_value_is_cleaned() -> None:
    assert cleaned({"a\u200b": ["\u200bx", {"b": "y\x00"}, 1, None, True, 1.5]}) == {"a": ["x", {"b": "y"}, 1, None, True, 1.5]}
