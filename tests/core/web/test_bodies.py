import pytest

from parlor.core.errors import Invalid
from parlor.core.web.bodies import MAX_DEPTH, MalformedJson, parse


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": 1} x',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": 1, "a": 2}',
        b'{"b": {"a": 1, "a": 1}}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\x01"}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    ],
)
def test_what_is_not_strict_json_is_malformed(body: bytes) -> None:
    """BAD-04..11"""
    with pytest.raises(MalformedJson):
        parse(body)


@pytest.mark.parametrize("body", [b'{"a": "x\\u0000"}', b'{"\\u0000": 1}', b"9223372036854775808", b"-9223372036854775809", b"1" * 4000, b"1" * 100_000])
def test_what_no_column_can_hold_is_invalid_and_says_where(body: bytes) -> None:
    """BAD-07, BAD-12"""
    with pytest.raises(Invalid) as refusal:
        parse(body)
    assert refusal.value.facts["errors"][0]["loc"] == ["body"]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"null", None),
        (b"[]", []),
        (b'""', ""),
        (b" {} ", {}),
        (b'{"a": [1, 2.5, true, null]}', {"a": [1, 2.5, True, None]}),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        ('"é😀"'.encode(), "é😀"),
        (b'"\\ud83d\\ude00 \\u00e9"', "😀 é"),
        (b"1e-400", 0.0),
        (b'{"a": {"b": 1}, "c": {"b": 2}}', {"a": {"b": 1}, "c": {"b": 2}}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)
def test_strict_json_is_read(body: bytes, value: object) -> None:
    read = parse(body)
    assert value is None or read == value


def test_many_brackets_side_by_side_are_not_depth() -> None:
    assert len(parse(b"[" + b",".join([b"[]"] * 10_000) + b"]")) == 10_000
