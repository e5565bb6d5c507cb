"""What may stand in an address, a username and a display name: one spelling for each, and nothing that passes for another."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from parlor.accounts.errors import InvalidEmail, InvalidGroups, InvalidUsername

MAX_EMAIL = 254
USERNAME_LENGTHS = range(2, 33)
MAX_DISPLAY_NAME = 100
MAX_URL = 2048
MAX_GROUPS = 50
GROUP_PATTERN = r"[a-z0-9._-]{1,50}"
OPERATOR_USERNAME = "operator"
_RESERVED = frozenset({"admin", "administrator", OPERATOR_USERNAME, "parlor", "root", "system"})
_USERNAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_MOST_MARKS_IN_A_ROW = 4
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def at(field: str, message: str, kind: str) -> dict[str, Any]:
    """The facts of an `Invalid` that name one field of a request's body."""
    return {"errors": [{"loc": ["body", field], "msg": message, "type": kind}]}


def id_in(text: str) -> UUID | None:
    """The id that the text is, None when it is none."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def normalise_email(text: str) -> str:
    """The one spelling of an address: lower case, the domain in ASCII (punycode), plus tags kept. No DNS is asked. Raises `InvalidEmail`.

    The part before the @ is ASCII only, so that no two addresses look the same. Names of private networks (`.local`, `.test`) are fine: Parlor runs there.
    """
    from email_validator import EmailNotValidError, validate_email  # only sign-up and login need it, and every command loads this room

    local, at_sign, domain = text.strip().rpartition("@")
    if not at_sign or "." not in domain or domain.rpartition(".")[2].isdigit():
        raise _bad_email("An email address looks like name@example.com.")
    try:
        # The library refuses special-use domains whatever it is told; below a public suffix it judges the same characters and lengths without that.
        found = validate_email(f"{local}@{domain}.com", check_deliverability=False, allow_smtputf8=False, strict=True, globally_deliverable=False)
    except EmailNotValidError as error:
        raise _bad_email(str(error)) from error
    assert found.ascii_email is not None, "without smtputf8 there always is one"
    return found.ascii_email.removesuffix(".com").lower()


def _bad_email(message: str) -> InvalidEmail:
    return InvalidEmail(message, **at("email", message, "email"))


def normalise_username(text: str) -> str:
    """Lower case. ASCII letters, digits and ._- only, starting with a letter or digit: no @, so that a login is never both. Raises `InvalidUsername`."""
    name = text.strip().lower()
    if len(name) not in USERNAME_LENGTHS or not _USERNAME_LETTERS.issuperset(name) or not name[0].isalnum():
        message = "A username has 2 to 32 letters a-z, digits, dots, dashes or underscores, and starts with a letter or digit."
    elif name in _RESERVED:
        message = "This username is reserved."
    else:
        return name
    raise InvalidUsername(message, **at("username", message, "username"))


def clean_groups(names: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once. Raises `InvalidGroups`."""
    groups = sorted(set(names))
    wrong = next((name for name in groups if re.fullmatch(GROUP_PATTERN, name) is None), None)
    if wrong is None and len(groups) <= MAX_GROUPS:
        return tuple(groups)
    message = (
        f"An account is in {MAX_GROUPS} groups at most."
        if wrong is None
        else "A group has 1 to 50 lower-case letters a-z, digits, dots, dashes or underscores."
    )
    raise InvalidGroups(message, **at("groups", message, "groups"))


def clean_display_name(text: str) -> str:
    """Any language, one line, composed (NFC); no control characters, no change of direction, no towers of marks. Raises `ValueError`."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > MAX_DISPLAY_NAME:
        raise ValueError(f"a display name has 1 to {MAX_DISPLAY_NAME} characters")
    marks = 0
    for character in name:
        kind = unicodedata.category(character)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") or character in _BIDI_CONTROLS or marks > _MOST_MARKS_IN_A_ROW:
            raise ValueError("a display name is one line of ordinary characters")
    return name


def clean_avatar_url(text: str) -> str:
    """An http or https address without credentials in it. Raises `ValueError`."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or len(text) > MAX_URL:
        raise ValueError("an avatar is an http or https address")
    if any(ord(character) <= 0x20 or character in '"<>\\^`{|}\x7f' for character in text):
        raise ValueError("an avatar's address holds no spaces, quotes or control characters")
    return text
