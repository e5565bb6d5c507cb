"""A stateless answer as server-sent events: `text.delta`, `reasoning.delta`, `model.fallback`, `usage`, then one of `completed` and `failed`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from parlor.core.errors import ParlorError, rule_for
from parlor.core.web.problems import encoded
from parlor.core.web.sse import frame
from parlor.llm.ports import FellBack, ModelEvent, ReasoningDelta, TextDelta
from parlor.llm.stateless.asked import Answered
from parlor.llm.stateless.calls import Item

_encode = msgspec.json.encode


class AnswerFrames:
    """Of one answer, numbered from 1. There is nothing to resume: the number only shows that none is missing."""

    def __init__(self) -> None:
        self._number = 0
        self._has_spoken = False

    def of(self, item: Item) -> bytes:
        """Empty for what nobody is shown."""
        return self._end(item) if isinstance(item, Answered) else self._deltas(item)

    def failed(self, error: ParlorError) -> bytes:
        rule = rule_for(error)
        return self._frame("failed", problem=msgspec.Raw(encoded(rule.status, error.code, rule.title, error.detail, error.facts)))

    def _deltas(self, batch: Sequence[ModelEvent]) -> bytes:
        frames = list[bytes]()
        for event in batch:
            match event:
                case TextDelta(text):
                    self._has_spoken = True
                    frames.append(self._frame("text.delta", text=text))
                case ReasoningDelta(text):
                    frames.append(self._frame("reasoning.delta", text=text))
                case FellBack(source, target, reason):
                    frames.append(self._frame("model.fallback", **{"from": source, "to": target, "reason": reason}))
                case _:
                    pass
        return b"".join(frames)

    def _end(self, answered: Answered) -> bytes:
        """With the text before it when that was not streamed: an answer to a repeated request comes at once."""
        text = b"" if self._has_spoken or not answered.response else self._frame("text.delta", text=answered.response)
        usage = self._frame("usage", **msgspec.to_builtins(answered.usage))
        facts = {"model": answered.model, "usage": answered.usage, "charge_micros": answered.charge_micros, "finish_reason": answered.finish_reason}
        return text + usage + self._frame("completed", **facts)

    def _frame(self, event: str, **facts: Any) -> bytes:
        self._number += 1
        return frame(_encode({"type": event, **facts}), event=event, event_id=self._number)
