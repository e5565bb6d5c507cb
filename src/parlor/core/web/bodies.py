"""JSON of requests, read strictly and once: what two parsers could read differently is refused."""

import json
from typing import Any, NoReturn, cast

from parlor.core.errors import BadRequest, Invalid

MAX_DEPTH = 64
_INT64 = range(-(2**63), 2**63)
_MAX_DIGITS = 20


class MalformedJson(BadRequest):
    code = "request.malformed_json"


def parse(body: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises `MalformedJson` for anything that is not strict JSON, for duplicate names, NaN, numbers out of range, lone surrogates and deep nesting; `Invalid` for
    a NUL character, which Postgres cannot store, and for integers beyond 64 bits.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedJson("The body is not valid UTF-8.") from error
    try:
        value = _decoder.decode(text)
    except RecursionError as error:
        raise MalformedJson(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(f"The body is not valid JSON: {error.msg} at character {error.pos}.") from error
    # Only an escape can bring a surrogate or a NUL, and only many brackets a deep value: most bodies are not walked.
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        _inspect(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedJson("The body names a member of an object twice.")
    return value


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS or (value := int(digits)) not in _INT64:
        raise _invalid("An integer of the body does not fit into 64 bits.", "int_out_of_range")
    return value


def _number(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise MalformedJson("A number of the body is too large.")
    return value


def _constant(name: str) -> NoReturn:
    raise MalformedJson(f"The body is not valid JSON: {name} is not a JSON value.")


def _inspect(root: object) -> None:
    waiting: list[tuple[object, int]] = [(root, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            _inspect_text(value)
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise MalformedJson(f"The body is nested deeper than {MAX_DEPTH} levels.")
            if isinstance(value, dict):
                rows = cast("dict[str, object]", value)
                waiting.extend((each, depth + 1) for each in rows)
                waiting.extend((each, depth + 1) for each in rows.values())
            else:
                waiting.extend((each, depth + 1) for each in cast("list[object]", value))


def _inspect_text(text: str) -> None:
    if "\x00" in text:
        raise _invalid("A text of the body has a NUL character in it.", "nul_character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedJson("A text of the body has half a surrogate pair in it.") from error


def _invalid(detail: str, kind: str) -> Invalid:
    return Invalid(detail, errors=[{"loc": ["body"], "msg": detail, "type": kind}])


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant)
