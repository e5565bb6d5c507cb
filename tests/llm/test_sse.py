"""Every cut of the same bytes gives the same events."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parlor.llm.sse import MAX_EVENT_BYTES, EventTooLong, SseDecoder


def decode(*pieces: bytes) -> list[bytes]:
    decoder = SseDecoder()
    found = [payload for piece in pieces for payload in decoder.feed(piece)]
    return [*found, *decoder.end()]


def reference(stream: bytes) -> list[bytes]:
    """The specification, line by line, with nothing clever."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    payloads: list[bytes] = []
    lines: list[bytes] = []
    for line in [*text.split(b"\n"), b""]:
        if not line:
            if lines:
                payloads.append(b"\n".join(lines))
            lines = []
        elif line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" "))
        elif line == b"data":
            lines.append(b"")
    return payloads


_FRAGMENTS = st.sampled_from(
    [
        b"data: ",
        b"data:",
        b"data",
        b'{"a":1}',
        "grüße 世界 🎉".encode(),
        b"\n",
        b"\n\n",
        b"\r\n",
        b"\r",
        b": ping",
        b"event: x",
        b"event: x\ndata: ",
        b"\xef\xbb\xbf",
        b"[DONE]",
        b" ",
    ]
)


@settings(max_examples=400, deadline=None)
@given(parts=st.lists(_FRAGMENTS, max_size=40), data=st.data())
def test_any_cut_of_any_stream_gives_what_the_specification_says(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert decode(*pieces) == reference(stream)


@given(
    payloads=st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1), max_size=10),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_payloads_come_back_byte_for_byte_when_every_byte_is_a_read_of_its_own(payloads: list[str], newline: str) -> None:
    stream = "".join(f"data: {payload}{newline}{newline}" for payload in payloads).encode()

    assert decode(*(stream[at : at + 1] for at in range(len(stream)))) == [payload.encode() for payload in payloads]


def test_events_that_arrive_together_come_out_together() -> None:
    assert list(SseDecoder().feed(b"data: 1\n\ndata: 2\n\ndata: 3\n\nda")) == [b"1", b"2", b"3"]


def test_an_event_comes_out_with_its_blank_line_and_not_later() -> None:
    decoder = SseDecoder()

    assert list(decoder.feed(b"data: 1\r")) == []
    assert list(decoder.feed(b"\n\r")) == [b"1"]
    assert list(decoder.feed(b"\ndata: 2\n\n")) == [b"2"]


def test_comments_alone_are_no_event() -> None:
    assert decode(b": ping\n\n: ping\n\n") == []


def test_an_event_at_the_end_without_its_blank_line_counts() -> None:
    assert decode(b"data: 1\n\ndata: [DONE]") == [b"1", b"[DONE]"]


@pytest.mark.parametrize("size", [64 * 1024, 11 * 1024 * 1024])
def test_a_line_of_more_than_a_mebibyte_is_refused(size: int) -> None:
    stream = b"data: " + b"x" * (MAX_EVENT_BYTES + 1) + b"\n\n"

    with pytest.raises(EventTooLong):
        decode(*(stream[at : at + size] for at in range(0, len(stream), size)))


def test_a_line_of_just_a_mebibyte_is_taken() -> None:
    payload = b"x" * (MAX_EVENT_BYTES - 10)

    assert decode(b"data: " + payload[:1000], payload[1000:] + b"\n", b"\n") == [payload]
