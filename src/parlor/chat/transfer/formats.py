"""Which format a file has, and what stands in it."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from parlor.chat.transfer.chatgpt import is_chatgpt, read_chatgpt
from parlor.chat.transfer.drafts import DraftSession, NotAConversation, as_dict, line_of
from parlor.chat.transfer.files import ImportTooLarge, UnknownExport, elements_of
from parlor.chat.transfer.open_webui import is_open_webui, read_open_webui
from parlor.chat.transfer.own import is_own, read_own
from parlor.chat.transfer.settings import ImportSettings
from parlor.chat.transfer.trees import Placed, in_order

Format = Literal["parlor", "chatgpt", "open_webui"]

_Recognise = Callable[[Mapping[str, Any]], bool]
_Read = Callable[[Mapping[str, Any]], DraftSession]


class _Reader(NamedTuple):
    format: Format
    recognises: _Recognise
    read: _Read


_READERS = (_Reader("parlor", is_own, read_own), _Reader("chatgpt", is_chatgpt, read_chatgpt), _Reader("open_webui", is_open_webui, read_open_webui))


class Readable(msgspec.Struct, frozen=True):
    """A conversation of the file, ready to be stored."""

    index: int
    session: DraftSession
    messages: list[Placed]


class Skipped(msgspec.Struct, frozen=True):
    index: int
    title: str
    reason: str


class Reading(msgspec.Struct):
    """`format` is that of the first conversation that was recognised: a file has one."""

    format: Format
    sessions: list[Readable] = msgspec.field(default_factory=list[Readable])
    skipped: list[Skipped] = msgspec.field(default_factory=list[Skipped])


def read_file(content: bytes, limits: ImportSettings) -> Reading:
    """Slow for a large file: for a thread. Raises UnreadableImport, UnknownExport and ImportTooLarge."""
    reading: Reading | None = None
    unknown = list[Skipped]()
    total = 0
    for index, element in enumerate(elements_of(content)):
        if index >= limits.sessions_most:
            raise ImportTooLarge(f"The file has more than {limits.sessions_most} conversations.", sessions_most=limits.sessions_most)
        value = as_dict(element)
        found = next((reader for reader in _READERS if reader.recognises(value)), None)
        if found is None:
            unknown.append(Skipped(index, line_of(value.get("title"), 300), "it is no conversation in a format that is known here"))
            continue
        reading = reading or Reading(found.format)
        total += _add(reading, index, found.read, value, limits)
        if total > limits.messages_most:
            raise ImportTooLarge(f"The file has more than {limits.messages_most} messages.", messages_most=limits.messages_most)
    if reading is None:
        raise UnknownExport
    reading.skipped = sorted([*reading.skipped, *unknown], key=lambda each: each.index)
    return reading


def _add(reading: Reading, index: int, read: _Read, value: Mapping[str, Any], limits: ImportSettings) -> int:
    """How many messages it has."""
    try:
        session = read(value)
        messages = in_order(session.messages, session.current)
        if not messages:
            raise NotAConversation("nothing is said in it")
        if len(messages) > limits.session_messages_most:
            raise NotAConversation(f"it has more than {limits.session_messages_most} messages")
    except NotAConversation as error:
        reading.skipped.append(Skipped(index, line_of(value.get("title") or as_dict(value.get("session")).get("title"), 300), str(error)))
        return 0
    reading.sessions.append(Readable(index, session, messages))
    return len(messages)
