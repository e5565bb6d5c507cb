"""The bytes of an import: JSON that holds one conversation or a list of them, read one after another so that only one is unpacked at a time."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from parlor.core.errors import BadRequest, Invalid, TooLarge

_BETWEEN = re.compile(r"[ \t\r\n]*")


class UnreadableImport(BadRequest):
    code = "chat.unreadable_import"
    detail = "The file is not JSON, or not in UTF-8."


class UnknownExport(Invalid):
    code = "chat.unknown_export"
    detail = "The file holds no conversations in a format that is known here: Parlor's own, ChatGPT's conversations.json or Open WebUI's."


class ImportTooLarge(TooLarge):
    """Carries the limit."""

    code = "chat.import_too_large"


def elements_of(content: bytes) -> Iterator[Any]:
    """The elements of the list, or the one value. Raises UnreadableImport, perhaps after some of them."""
    try:
        text = content.decode("utf-8-sig")
        at = _skip(text, 0)
        if text[at : at + 1] != "[":
            value, at = _decoder.raw_decode(text, at)
            _expect_end(text, at)
            yield value
            return
        yield from _of_list(text, at + 1)
    except RecursionError as error:
        raise UnreadableImport("The file is nested deeper than it can be read.") from error
    except ValueError as error:
        raise UnreadableImport from error


def _of_list(text: str, at: int) -> Iterator[Any]:
    at = _skip(text, at)
    while text[at : at + 1] != "]":
        value, at = _decoder.raw_decode(text, at)
        yield value
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
            if text[at : at + 1] == "]":
                raise UnreadableImport
        elif text[at : at + 1] != "]":
            raise UnreadableImport
    _expect_end(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return at if found is None else found.end()


def _expect_end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise UnreadableImport


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Nothing but dict; but a function of Python, so that other threads get their turn while the parser works in a file of megabytes."""
    return dict(pairs)


def _constant(name: str) -> NoReturn:
    raise UnreadableImport(f"The file is not valid JSON: {name} is not a JSON value.")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
