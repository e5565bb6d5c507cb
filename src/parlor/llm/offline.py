"""`parlor/offline`: the model that is always there. It needs no network, always gives the same answer to the same question, and says what it is."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from parlor.llm.ports import Finished, FinishReason, Model, ModelEvent, ModelRequest, TextDelta, ToolCallDelta, Usage, UsageSeen
from parlor.llm.replies import UseCalculator, reply_to
from parlor.llm.tokens import estimate_tokens

if TYPE_CHECKING:
    from parlor.wallet import Price

NAME = "parlor/offline"
_TOKEN = re.compile(r"\s*\S{1,12}|\s+")


def is_offline(model: Model) -> bool:
    """Rules answer in its place where an answer must follow a schema."""
    return model.name == NAME


class OfflineModel:
    """Streams a token per item. Not intelligent: it follows rules, which `parlor.llm.replies` lists."""

    name = NAME
    context_tokens = 32_768
    max_output_tokens = 4_096

    def __init__(self, price_now: "Callable[[], Price]", tokens_per_second: float | None = None) -> None:
        self._price_now = price_now
        self._pause_seconds = 1 / tokens_per_second if tokens_per_second else 0

    @property
    def price(self) -> "Price":
        return self._price_now()

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[AsyncIterator[Sequence[ModelEvent]]]:
        events = self._events(request)
        try:
            yield events
        finally:
            await events.aclose()

    async def _events(self, request: ModelRequest) -> AsyncGenerator[Sequence[ModelEvent]]:
        reply = reply_to(request)
        pieces, reason = _pieces(reply, request)
        spoken = 0
        for piece in pieces:
            await asyncio.sleep(self._pause_seconds)
            spoken += estimate_tokens(piece.text if isinstance(piece, TextDelta) else str(piece))
            yield (piece,)
        yield UsageSeen(Usage(_tokens_of(request), max(1, spoken))), Finished(reason)


def _pieces(reply: str | UseCalculator, request: ModelRequest) -> tuple[Sequence[TextDelta | ToolCallDelta], FinishReason]:
    if isinstance(reply, UseCalculator):
        arguments = json.dumps({"expression": reply.expression}, ensure_ascii=False)
        # The number of results so far makes the id new within the turn, and the same whenever the turn is repeated.
        number = sum(message.role == "tool" for message in request.messages) + 1
        return [ToolCallDelta(0, f"call_offline_{number}", "calculator", ""), ToolCallDelta(0, None, None, arguments)], "tool_calls"
    text = _until_stop(reply, request.stop)
    tokens = list(_within(text, min(request.max_output_tokens or OfflineModel.max_output_tokens, OfflineModel.max_output_tokens)))
    is_cut = sum(map(len, tokens)) < len(text)
    return [TextDelta(token) for token in tokens], "length" if is_cut else "stop"


def _within(text: str, max_tokens: int) -> Iterator[str]:
    spent = 0
    for token in _TOKEN.findall(text):
        spent += estimate_tokens(token)
        if spent > max_tokens:
            return
        yield token


def _until_stop(text: str, stop: Sequence[str]) -> str:
    ends = [at for word in stop if word and (at := text.find(word)) >= 0]
    return text[: min(ends)] if ends else text


def _tokens_of(request: ModelRequest) -> int:
    return sum(4 + estimate_tokens(message.text) for message in request.messages)
