"""One spelling for each address and name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlor.accounts.errors import InvalidEmail, InvalidUsername
from parlor.accounts.text import MAX_EMAIL, clean_avatar_url, clean_display_name, normalise_email, normalise_username
from parlor.core.errors import ParlorError


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Ann@Example.COM", "ann@example.com"),
        (" ann@example.com ", "ann@example.com"),
        ("ann+chat@example.com", "ann+chat@example.com"),
        ("a.n.n@example.com", "a.n.n@example.com"),
        ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
        ("ann@\uff45xample.com", "ann@example.com"),
        ("ann@parlor.test", "ann@parlor.test"),
        ("ann@nas.local", "ann@nas.local"),
        ("o'neil@example.co.uk", "o'neil@example.co.uk"),
    ],
)
def test_an_address_has_one_spelling(written: str, meant: str) -> None:
    assert normalise_email(written) == meant
    assert normalise_email(meant) == meant


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "ann", "ann@", "@example.com", "ann@localhost", "ann@@example.com", '"ann"@example.com', "ann@[127.0.0.1]", "ann@127.0.0.1",
        "a nn@example.com",
        "Ann <ann@example.com>", "ann@exa mple.com", "ann@-example.com", "ann@example..com", "ann@example.com.", "ann\u0000@example.com",
        "\u0430nn@example.com",
        "ann\u200b@example.com", "ann@example.com\r\nBcc: x@example.com", "a" * 65 + "@example.com", "a@" + "b" * 300 + ".com", "a@" + "b." * 126 + "com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidEmail):
        normalise_email(text)


def test_cyrillic_letters_in_a_domain_are_not_the_latin_ones() -> None:
    assert normalise_email("ann@ex\u0430mple.com") != normalise_email("ann@example.com")


@given(st.text(max_size=400) | st.from_regex(r"[^@]{0,70}@[^@]{0,40}\.[a-z]{2,9}", fullmatch=True))
def test_any_text_is_an_ascii_address_or_refused(text: str) -> None:
    try:
        email = normalise_email(text)
    except InvalidEmail:
        return
    assert email == email.lower()
    assert email.isascii()
    assert email.isprintable()
    assert " " not in email
    assert len(email) <= MAX_EMAIL
    assert normalise_email(email) == email


@pytest.mark.parametrize(("written", "meant"), [("Ann", "ann"), (" ann_b-c.9 ", "ann_b-c.9"), ("9lives", "9lives"), ("ab", "ab"), ("x" * 32, "x" * 32)])
def test_a_username_is_lower_case(written: str, meant: str) -> None:
    assert normalise_username(written) == meant


@pytest.mark.parametrize(
    "text", ["", "a", "x" * 33, ".ann", "-ann", "a b", "a@b", "an\u0438", "\uff41nn", "ann\n b", "Admin", "root", "operator", "parlor", "k\u0130"]
)
def test_what_is_no_username_is_refused(text: str) -> None:
    with pytest.raises(InvalidUsername):
        normalise_username(text)


def test_a_display_name_is_any_language_on_one_line() -> None:
    for name in ("Ann", "Zoë", "日本 太郎", "أحمد", "नमस्ते", "Nguyễn Văn A", "👩‍🚀 Ann"):
        assert clean_display_name(f" {name} ") == name
    assert clean_display_name("e\u0301") == "\u00e9"
    for name in ("", " ", "a\nb", "a\x1bb", "a\u202eb", "a\u2066b", "a\u2028b", "\ue000", "a" + "\u0335" * 5, "x" * 101):
        with pytest.raises(ValueError, match="display name"):
            clean_display_name(name)


def test_an_avatar_is_a_plain_web_address() -> None:
    assert clean_avatar_url("https://example.com/a.png?s=1#x") == "https://example.com/a.png?s=1#x"
    for text in (
        "ftp://example.com/a",
        "//example.com/a",
        "data:image/png;base64,x",
        "https://",
        "https://u@example.com",
        'https://e.com/"',
        "https://e.com/\r\nx",
    ):
        with pytest.raises(ValueError, match="avatar"):
            clean_avatar_url(text)


def test_a_refusal_names_the_field() -> None:
    with pytest.raises(ParlorError) as caught:
        normalise_username("a b")
    assert caught.value.facts["errors"][0]["loc"] == ["body", "username"]
