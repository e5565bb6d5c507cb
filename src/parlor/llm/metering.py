"""What one call of a model comes to: the same rule as for turns (INV-M5)."""

from collections.abc import Sequence

from parlor.llm.ports import Accepted, FellBack, ModelEvent, ReasoningDelta, TextDelta, ToolCallDelta, Usage, UsageSeen
from parlor.llm.tokens import estimate_tokens


class CallMeter:
    """Listens to an answer. `is_accepted`: the provider took the request, so it may charge for it. `model` (a full name) is the one that answers."""

    def __init__(self, model: str, prompt_tokens: int) -> None:
        self.model = model
        self.is_accepted = False
        self.reported: Usage | None = None
        self._prompt_tokens = prompt_tokens
        self._said: list[str] = []

    def take(self, events: Sequence[ModelEvent]) -> None:
        for event in events:
            match event:
                case TextDelta(text) | ReasoningDelta(text):
                    self._said.append(text)
                case ToolCallDelta():
                    self._said.append((event.name or "") + event.arguments)
                case FellBack():
                    self.model, self.is_accepted = event.target, False
                case Accepted():
                    self.is_accepted = True
                case UsageSeen(usage):
                    self.reported = self.reported or usage
                case _:
                    pass

    def usage(self) -> Usage | None:
        """None: nothing came of it, and nothing is charged. What the provider counted, if it told; else the estimated prompt and what it said."""
        if self.reported is not None:
            return self.reported
        if not (self.is_accepted or self._said):
            return None
        return Usage(input_tokens=self._prompt_tokens, output_tokens=estimate_tokens("".join(self._said)))
