"""SEC-19: what graphs store comes back as it was, and nothing that is stored can make anything but data."""

import json
import pickle
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import ormsgpack
import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, ChatMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langgraph.types import Command, Interrupt, Overwrite, Send
from pydantic import BaseModel

from parlor.agents.langgraph.serializer import FORMAT, AllowListSerializer, Corrupt, Unstorable

serializer = AllowListSerializer()


def again(value: Any) -> Any:
    return serializer.loads_typed(serializer.dumps_typed(value))


CALL: Any = {"id": "c1", "name": "tool", "args": {"a": [1, None]}, "type": "tool_call"}
INJECTED: Any = [
    {"lc": 1, "type": "secret", "id": ["PATH"]},
    {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", "ai", "AIMessage"], "kwargs": {"content": "x"}},
    {"lc": 2, "type": "constructor", "id": ["subprocess", "Popen"], "args": [["true"]]},
    {"__type__": "os.system", "$ext": 5},
]


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, -1.5, "text\x00", b"bytes", [1, [2]], {"a": {"b": None}}, {1: "one"}, (1, ("two", [3])), {1, 2}, frozenset({"a"}), deque([1, 2]),
        datetime(2026, 1, 2, 3, 4, 5, 6, UTC), date(2026, 1, 2), time(1, 2, 3), timedelta(days=-1, seconds=5), UUID(int=7), Decimal("1.10"),
        HumanMessage([{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "data:,"}}], id="h", name="ann"), SystemMessage("s"),
        AIMessage("a", id="a", tool_calls=[CALL], additional_kwargs={"k": (1,)}, usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
        ToolMessage("t", tool_call_id="c1", status="error", artifact={"rows": [1]}), ChatMessage(content="c", role="critic"), RemoveMessage("a"),
        Interrupt({"q": 1}, "i", response_schema={"type": "string"}), Send("node", {"m": HumanMessage("x", id="1")}), Overwrite([1]),
        Command(update={"a": 1}, resume={"i": "yes"}, goto=["x"]), Document(page_content="page", id="d", metadata={"n": 1}), *INJECTED,
    ],
)  # fmt: skip
def test_it_comes_back_as_it_was(value: Any) -> None:
    back = again([value])[0]
    assert (back, type(back)) == (value, type(value))


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


class Model(BaseModel):
    point: Any


class Place(msgspec.Struct, frozen=True):
    name: str
    point: Point


def test_objects_of_other_peoples_classes_come_back_as_what_they_hold() -> None:
    plain = ["red", {"x": 1}, {"point": {"x": 2}}, {"name": "here", "point": {"x": 3}}, "ValueError('no')", str(2**70)]
    assert again([Colour.RED, Point(1), Model(point=Point(2)), Place("here", Point(3)), ValueError("no"), 2**70]) == plain
    assert again(AIMessageChunk(content="piece", id="p")) == AIMessage("piece", id="p")


def test_what_has_no_stored_form_is_refused_with_its_name() -> None:
    unstorable: list[tuple[Any, str]] = [(object(), "builtins.object"), ({frozenset(): 1}, "key of type frozenset"), (len, "builtin_function")]
    for value, says in unstorable:
        with pytest.raises(Unstorable, match=says):
            serializer.dumps_typed({"state": value})
    deep: Any = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(Unstorable, match="nested"):
        serializer.dumps_typed(deep)


class _Malicious:
    def __reduce__(self) -> Any:
        return (print, ("executed",))


def _ext(number: int, value: Any) -> bytes:
    return msgspec.msgpack.encode(msgspec.msgpack.Ext(number, msgspec.msgpack.encode(value)))


@pytest.mark.parametrize(
    "stored",
    [
        ("pickle", pickle.dumps(_Malicious())),
        ("json", json.dumps(INJECTED[2]).encode()),
        ("msgpack", ormsgpack.packb(ormsgpack.Ext(1, ormsgpack.packb(("os", "system", ("true",)))))),
        (FORMAT, pickle.dumps(_Malicious())),
        (FORMAT, ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(("builtins", "print", "executed"))))),
        (FORMAT, ormsgpack.packb(ormsgpack.Ext(5, ormsgpack.packb(("langchain_core.messages", "AIMessage", {}, "x"))))[:-3]),
        (FORMAT, _ext(99, "unknown")),
        (FORMAT, _ext(1, {"type": "os.system", "content": "true"})),
        (FORMAT, _ext(1, {"content": "no type"})),
        (FORMAT, _ext(11, "not a date")),
        (FORMAT, b"\x91" * 5000),
        (FORMAT, b""),
    ],
)
def test_bytes_that_it_has_not_written_are_refused_and_run_nothing(stored: tuple[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Corrupt):
        serializer.loads_typed(stored)
    assert capsys.readouterr().out == ""
