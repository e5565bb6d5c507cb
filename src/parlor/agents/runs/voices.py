"""Who hears a run: the log of the turn, or the run that has asked it."""

from typing import Protocol

from parlor.agents.runs.answer import storable
from parlor.llm import ModelEvent
from parlor.llm import ReasoningDelta as ModelThought
from parlor.llm import TextDelta as ModelText
from parlor.turns import LogEvent, ReasoningDelta, RunningTurn, TextDelta, ToolCalled, ToolProgress


class Voice(Protocol):
    def say(self, text: str) -> None:
        """A piece of the answer."""
        ...

    def hear(self, event: ModelEvent) -> None:
        """What a model streams."""
        ...

    def tell(self, event: LogEvent) -> None:
        """Of a tool's call."""
        ...


class TurnVoice:
    """The answer of the turn itself."""

    def __init__(self, running: RunningTurn) -> None:
        self.tell = running.emit

    def say(self, text: str) -> None:
        if text := storable(text):
            self.tell(TextDelta(text))

    def hear(self, event: ModelEvent) -> None:
        if isinstance(event, ModelText):
            self.say(event.text)
        elif isinstance(event, ModelThought) and (text := storable(event.text)):
            self.tell(ReasoningDelta(text))


class AsideVoice:
    """Of an agent that was asked in a call of another one: what it says is that call's result, and what it does is its progress."""

    def __init__(self, parent: Voice, call_id: str) -> None:
        self._parent = parent
        self._call_id = call_id
        self._calls = 0
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(storable(text))

    def hear(self, event: ModelEvent) -> None:
        """Nothing of it before the whole is there."""

    def tell(self, event: LogEvent) -> None:
        if isinstance(event, ToolCalled):
            self._calls += 1
            self.said.clear()  # what was said before a call was on the way to the answer
            self._parent.tell(ToolProgress(self._call_id, self._calls, None, event.tool))
        elif isinstance(event, ToolProgress):
            self._parent.tell(ToolProgress(self._call_id, self._calls, None, event.message))
