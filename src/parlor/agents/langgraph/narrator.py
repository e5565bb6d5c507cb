"""What a graph does, as the turn's log tells it: the text that nobody has heard yet, the calls that its nodes make, their results."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langgraph.types import Command, Overwrite

from parlor.agents.langgraph.current import GraphRun
from parlor.agents.langgraph.messages import text_of
from parlor.agents.runs.answer import storable
from parlor.turns import ToolCalled, ToolResult


class Narrator:
    """`known` are the ids of the messages that were in the state before: what a node gives back of those is nothing new."""

    def __init__(self, graph_run: GraphRun, known: set[str]) -> None:
        self._graph_run = graph_run
        self._voice = graph_run.run.voice
        self._called = set(known)
        self._said = set(known)
        self._streamed = set[str]()
        self._log_ids = {call_id: call_id for call_id in graph_run.open_calls}
        """By the ids that the graph has for its calls: models that are not ours may use one twice."""
        self.has_spoken = False

    def take(self, part: Mapping[str, Any]) -> None:
        """A part of `astream` in its version 2."""
        if part["type"] == "messages":
            self._hear(part["data"][0])
        elif part["type"] == "updates":
            for message in _messages_in(part["data"]):
                self._look_at(message)

    def _hear(self, message: BaseMessage) -> None:
        """A piece of a message that a model streams, or a whole one that a node has made: the ids of the first kind come again and again."""
        if not isinstance(message, AIMessage) or message.id is None or message.id in self._graph_run.muted:
            return
        if message.id in self._graph_run.spoken:
            self.has_spoken = True
            return
        is_piece = isinstance(message, AIMessageChunk)
        if message.id in self._said or (not is_piece and message.id in self._streamed):
            return
        (self._streamed if is_piece else self._said).add(message.id)
        if text := text_of(message):
            self.has_spoken = True
            self._voice.say(text)

    def _look_at(self, message: BaseMessage) -> None:
        if isinstance(message, ToolMessage):
            self._tell_result(message)
        elif isinstance(message, AIMessage) and message.id not in self._called:
            if message.id is not None:
                self._called.add(message.id)
            for call in message.tool_calls:
                self._tell_call(call["id"] or "", call["name"], call["args"])

    def _tell_call(self, call_id: str, tool: str, arguments: Any) -> None:
        graph_run = self._graph_run
        if call_id in self._log_ids or call_id in graph_run.results:
            return
        free, number = call_id or "call", 1
        while free != call_id and free in graph_run.call_ids:
            number += 1
            free = f"{call_id or 'call'}_{number}"
        graph_run.call_ids.add(free)
        self._log_ids[call_id] = free
        graph_run.open_calls[free] = (tool, arguments)
        self._voice.tell(ToolCalled(free, storable(tool), _plain(arguments)))

    def _tell_result(self, message: ToolMessage) -> None:
        """Unless our own tool has told of it."""
        call_id = self._log_ids.get(message.tool_call_id)
        if call_id is None or self._graph_run.open_calls.pop(call_id, None) is None:
            return
        del self._log_ids[message.tool_call_id]
        content: Any = message.content
        if message.status == "error":
            self._voice.tell(ToolResult(call_id, error=storable(text_of(message)) or "the tool failed"))
        else:
            self._voice.tell(ToolResult(call_id, result=storable(content) if isinstance(content, str) else _plain(content)))


def _messages_in(update: Any) -> Iterator[BaseMessage]:
    """Of what the nodes of one step have given back, in any of the forms that nodes may use."""
    if isinstance(update, BaseMessage):
        yield update
    elif isinstance(update, Command):
        yield from _messages_in(cast("Command[Any]", update).update)
    elif isinstance(update, Overwrite):
        yield from _messages_in(update.value)
    elif isinstance(update, Mapping):
        for value in cast("Mapping[Any, Any]", update).values():
            yield from _messages_in(value)
    elif isinstance(update, list | tuple):
        for value in cast("list[Any]", update):
            yield from _messages_in(value)


def _plain(value: Any) -> Any:
    return msgspec.json.decode(storable(msgspec.json.encode(value, enc_hook=str).decode()))
