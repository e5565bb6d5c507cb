import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlor.prompts.templates import NAMES, Slot, Value, pieces_and_slots_of, pieces_of, render

VALUES = {name: f"<{name}>" for name in NAMES}

INERT = [
    "{{7*7}}",
    "{% if user %}x{% endif %}",
    "{0.__class__}",
    "${x}",
    "{{user}}",
    "{{user.email}}",
    "{{user.password_hash}}",
    "{{ user.display_name.__class__ }}",
    "{{user.display_name|upper}}",
    "{{user.display_name}",
    "{{",
    "}}",
    "{{}}",
    "{{{}}}",
    "{{USER.USERNAME}}",
    "{{config.items()}}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{{\nuser.username}}",
    "{{user.username\n}}",
    "{{user\u200b.username}}",
    "{{slot:tone}}",
]
"""SEC-20, BAD-76: what other template engines would run, and what is nearly a tag."""


@pytest.mark.parametrize("text", INERT)
def test_what_is_no_tag_of_ours_stays_as_it_is(text: str) -> None:
    assert render(pieces_of(text), VALUES) == text


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_for_its_value(name: str) -> None:
    assert render(pieces_of(f"a {{{{{name}}}}} b {{{{ {name}\t}}}} c"), VALUES) == f"a <{name}> b <{name}> c"


def test_braces_around_a_tag_stay() -> None:
    assert render(pieces_of("{{{date}}} {{{{date}}}}"), {"date": "today"}) == "{today} {{today}}"


def test_a_value_that_is_not_given_stays_as_its_tag() -> None:
    assert render(pieces_of("{{ history }} {{date}}"), {"date": "today"}) == "{{ history }} today"


def test_a_value_is_never_read_as_a_template() -> None:
    values = {"user.display_name": "{{date}}{{slot:tone}}{{user.display_name}}", "date": "today", "user.username": "{{da", "user.locale": "te}}"}
    assert render(pieces_of("{{user.display_name}}"), values) == values["user.display_name"]
    assert render(pieces_of("{{user.username}}{{user.locale}}"), values) == "{{date}}"


def test_slots_have_names_and_perhaps_a_text() -> None:
    text = "Be {{slot:tone}}, {{ slot:style | short and plain }}{{slot:x|}}. {{slot:1}} {{slot:a b}} {{slot:tone|{{date}}}}"
    pieces = pieces_and_slots_of(text)
    assert [piece for piece in pieces if isinstance(piece, Slot)] == [Slot("tone", ""), Slot("style", "short and plain"), Slot("x", "")]
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == "Be , . {{slot:1}} {{slot:a b}} {{slot:tone|}}"
    assert [piece for piece in pieces if isinstance(piece, Value)] == [Value("date", "{{date}}")]


@given(st.text(alphabet="{}|: slot:date.user_x\n", max_size=200))
def test_cutting_loses_nothing(text: str) -> None:
    assert render(pieces_of(text), {}) == text


@given(st.lists(st.sampled_from([*INERT, "{{date}}", "{{user.username}}", "words"]), max_size=8), st.text(max_size=20), st.text(max_size=20))
def test_only_the_tags_of_the_text_are_replaced_whatever_the_values_are(parts: list[str], date: str, username: str) -> None:
    """One pass: what stands between the tags is literal, and so is what is put in."""
    values = {"date": date, "user.username": username}
    expected = "\0".join(values.get(part.strip("{}"), part) if part in ("{{date}}", "{{user.username}}") else part for part in parts)
    assert render(pieces_of("\0".join(parts)), values) == expected


@pytest.mark.parametrize("unit", ["{{", "{{ ", "{{slot:a|", "{{user.", "{{slot:" + "a" * 64, " ", "{{slot:a" + " " * 50])
def test_a_megabyte_of_almost_tags_is_read_in_one_go(unit: str) -> None:
    """BAD-76. A search that goes back and forth would look at each character a million times, and never be done."""
    text = unit * (1_000_000 // len(unit))
    assert pieces_and_slots_of(text) == (text,)
    assert len(pieces_and_slots_of("{{slot:a|" + text)) == 1
