"""Every cut of the same lines gives the same lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlor.llm.ndjson import LineDecoder
from parlor.llm.sse import MAX_EVENT_BYTES, EventTooLong


def decode(*pieces: bytes) -> list[bytes]:
    decoder = LineDecoder()
    found = [line for piece in pieces for line in decoder.feed(piece)]
    return [*found, *decoder.end()]


@given(
    lines=st.lists(st.sampled_from([b"", b'{"a":1}', "grüße 🎉".encode(), b"x" * 20]), max_size=10),
    newline=st.sampled_from([b"\n", b"\r\n"]),
    data=st.data(),
)
def test_any_cut_gives_the_same_lines(lines: list[bytes], newline: bytes, data: st.DataObject) -> None:
    stream = b"".join(line + newline for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert [line for line in decode(*pieces) if line] == [line for line in lines if line]


def test_a_last_line_without_its_end_counts() -> None:
    assert decode(b"1\n2") == [b"1", b"2"]


@pytest.mark.parametrize("size", [64 * 1024, 11 * 1024 * 1024])
def test_a_line_of_more_than_a_mebibyte_is_refused(size: int) -> None:
    stream = b"x" * (MAX_EVENT_BYTES + 1) + b"\n"

    with pytest.raises(EventTooLong):
        decode(*(stream[at : at + size] for at in range(0, len(stream), size)))


def test_a_line_of_just_a_mebibyte_is_taken() -> None:
    line = b"x" * MAX_EVENT_BYTES

    assert decode(line[:1000], line[1000:] + b"\n", b"{}\n") == [line, b"{}"]
