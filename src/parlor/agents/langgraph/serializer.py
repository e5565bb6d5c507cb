"""How the state of a graph is stored: plain data, and a closed list of types that are named by number.

Nothing that is stored names a class. So whoever can write into the table, or bring a message into a conversation, can make LangGraph's and LangChain's own
data structures and nothing else: what looks like a serialized object (`{"lc": 1, "type": "secret", ...}`) is a dictionary, and stays one.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, cast
from uuid import UUID

import msgspec
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
)
from langgraph.checkpoint.serde.types import _DeltaSnapshot  # pyright: ignore[reportPrivateUsage]  # what savers are given of channels that store differences
from langgraph.types import Command, Interrupt, Overwrite, Send
from pydantic import BaseModel

FORMAT = "parlor/1"
MOST_BYTES = 32 * 1024 * 1024
MOST_DEPTH = 200

_MESSAGES: Mapping[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
    "chat": ChatMessage,
    "remove": RemoveMessage,
}

Pack = Callable[[Any], Any]


class Unstorable(TypeError):
    """A value in the state that has no stored form."""


class Corrupt(ValueError):
    """Stored bytes that this serializer has not written."""


def _message(stored: dict[str, Any]) -> BaseMessage:
    return _MESSAGES[stored.pop("type")](**stored)


def _command(stored: dict[str, Any]) -> Command[Any]:
    return Command(**{name: stored[name] for name in ("graph", "update", "resume", "goto")})


def _of_command(command: Command[Any]) -> dict[str, Any]:
    return {"graph": command.graph, "update": command.update, "resume": command.resume, "goto": command.goto}


def _of_message(message: BaseMessage) -> dict[str, Any]:
    """All that was set, with its short type. A piece of a streamed message is stored as the message that it would be alone."""
    if isinstance(message, BaseMessageChunk):
        message = message_chunk_to_message(message)
    if message.type not in _MESSAGES:
        raise Unstorable(f"the state of the graph holds a message of type {message.type!r}")
    derived = {name: each for name in ("tool_calls", "invalid_tool_calls") if (each := getattr(message, name, None))}
    return {"type": message.type, **{name: getattr(message, name) for name in type(message).model_fields if name in message.model_fields_set}, **derived}


_FORMS: tuple[tuple[int, type[Any], Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (1, BaseMessage, _of_message, _message),
    (2, Interrupt, lambda it: [it.value, it.id, it.response_schema], lambda of: Interrupt(of[0], of[1], response_schema=of[2])),
    (3, Send, lambda it: [it.node, it.arg], lambda of: Send(of[0], of[1])),
    (4, Command, _of_command, _command),
    (5, Overwrite, lambda it: it.value, Overwrite),
    (6, _DeltaSnapshot, lambda it: it.value, _DeltaSnapshot),
    (7, Document, lambda it: [it.id, it.page_content, it.metadata], lambda of: Document(id=of[0], page_content=of[1], metadata=of[2])),
    (8, set, list, set),
    (9, frozenset, list, frozenset),
    (10, deque, list, deque),
    (11, datetime, datetime.isoformat, datetime.fromisoformat),
    (12, date, date.isoformat, date.fromisoformat),
    (13, time, time.isoformat, time.fromisoformat),
    (14, timedelta, lambda it: [it.days, it.seconds, it.microseconds], lambda of: timedelta(*of)),
    (15, UUID, str, UUID),
    (16, Decimal, str, Decimal),
    (17, tuple, list, tuple),
)
"""`(number, type, its plain form, and back)`. Numbers are for good: rows have them."""

_BY_NUMBER: Mapping[int, Callable[[Any], Any]] = {number: back for number, _, _, back in _FORMS}


class AllowListSerializer:
    """What LangGraph asks of a serializer. Your own objects come back as what they hold: models, dataclasses and structs as dictionaries, enums as values."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Raises Unstorable."""
        stored = msgspec.msgpack.encode(_packed(obj, 0))
        if len(stored) > MOST_BYTES:
            raise Unstorable(f"the state of the graph takes {len(stored)} bytes, which is more than the {MOST_BYTES} that are stored")
        return FORMAT, stored

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Raises Corrupt."""
        kind, stored = data
        if kind != FORMAT:
            raise Corrupt(f"no state of ours: {kind[:20]!r}")
        try:
            return msgspec.msgpack.decode(stored, ext_hook=_unpacked)
        except (msgspec.DecodeError, RecursionError, TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
            raise Corrupt(f"no state of ours: {type(error).__name__}") from error


def _packed(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | float | bytes):
        return value
    if depth > MOST_DEPTH:
        raise Unstorable("the state of the graph is nested too deeply")
    if isinstance(value, Enum):
        return _packed(value.value, depth)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return {_key(name): _packed(each, depth + 1) for name, each in items}
    if isinstance(value, list):
        return [_packed(each, depth + 1) for each in cast("list[Any]", value)]
    return _special(value, depth)


def _special(value: Any, depth: int) -> Any:
    for number, kind, plain, _ in _FORMS:
        if isinstance(value, kind):
            return msgspec.msgpack.Ext(number, msgspec.msgpack.encode(_packed(plain(value), depth + 1)))
    if isinstance(value, BaseModel):
        return _packed(value.model_dump(), depth + 1)
    if isinstance(value, msgspec.Struct):
        return _packed(msgspec.structs.asdict(value), depth + 1)
    if is_dataclass(value) and not isinstance(value, type):
        return _packed({each.name: getattr(value, each.name) for each in fields(value)}, depth + 1)
    if isinstance(value, BaseException):
        return repr(value)
    raise Unstorable(f"the state of the graph holds a {type(value).__module__}.{type(value).__qualname__}, and only plain data and messages are stored")


def _key(name: Any) -> Any:
    if name is None or isinstance(name, str | int | float | bool | tuple):
        return cast("Any", name)
    raise Unstorable(f"the state of the graph has a key of type {type(name).__qualname__}")


def _whole(value: int) -> Any:
    """What does not fit into 64 bits is stored as a text, which is what other clients make of it too."""
    return int(value) if -(2**63) <= value < 2**64 else str(value)


def _unpacked(number: int, stored: memoryview) -> Any:
    return _BY_NUMBER[number](msgspec.msgpack.decode(bytes(stored), ext_hook=_unpacked))
