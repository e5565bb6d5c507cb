"""Stateless chat: a question with its history, an answer, a charge."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from parlor.llm.stateless.asked import Answered, Asked
from parlor.llm.stateless.call_limit import CallLimit
from parlor.llm.stateless.calls import Item, ModelCalls
from parlor.llm.stateless.kept_answers import KeptAnswers


class StatelessChat:
    def __init__(self, calls: ModelCalls, limit: CallLimit, kept: KeptAnswers) -> None:
        self._calls = calls
        self._limit = limit
        self._kept = kept

    async def items(self, asked: Asked) -> AsyncGenerator[Item]:
        """What `ModelCalls.items` gives, and raises what `prepare` and `CallLimit.one` raise before it. Nothing that was kept is streamed."""
        prepared = await self._calls.prepare(asked)
        async with self._limit.one(asked.account_id), aclosing(self._calls.items(prepared)) as items:
            async for item in items:
                yield item

    async def answer(self, asked: Asked) -> Answered:
        """The whole answer, perhaps one that was kept."""
        prepared = await self._calls.prepare(asked)
        async with self._limit.one(asked.account_id):
            if (kept := await self._kept.find(prepared)) is not None:
                return Answered.of_json({**kept, "charge_micros": 0, "cached": True})
            answered = await self._calls.whole(prepared)
            if answered.finish_reason == "stop" and answered.model == prepared.model.name:  # another model in its place is no answer to give again
                await self._kept.keep(prepared, answered.as_json())
            return answered
