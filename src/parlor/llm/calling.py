"""One question to one model, with no turn around it."""

from collections.abc import Callable
from typing import Any

from parlor.llm.gate import uncharged
from parlor.llm.ports import FellBack, Finished, Model, ModelMessage, ModelRequest, TextDelta, UsageSeen


async def ask(
    model: Model,
    question: str,
    *,
    system: str | None = None,
    max_output_tokens: int | None = None,
    show: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """`{model, text, finish_reason, usage}`; `show` gets each piece of text when it arrives. Raises ModelFailed."""
    messages = [*([ModelMessage("system", system)] if system else []), ModelMessage("user", question)]
    answer: dict[str, Any] = {"model": model.name, "text": "", "finish_reason": None, "usage": None}
    pieces: list[str] = []
    async with uncharged(model, ModelRequest(messages, max_output_tokens=max_output_tokens or model.max_output_tokens)) as events:
        async for batch in events:
            for event in batch:
                match event:
                    case TextDelta(text):
                        pieces.append(text)
                        if show is not None:
                            show(text)
                    case FellBack():
                        answer["model"] = event.target
                    case UsageSeen(usage):
                        answer["usage"] = {name: getattr(usage, name) for name in usage.__struct_fields__}
                    case Finished(reason):
                        answer["finish_reason"] = reason
                    case _:
                        pass
    return {**answer, "text": "".join(pieces)}
