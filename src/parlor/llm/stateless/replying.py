"""The ways to answer a stateless call: as JSON or as a stream, with a key or without."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from parlor.accounts import Caller, OpenStreams
from parlor.core.errors import ParlorError
from parlor.core.web import EventStream, unless_left
from parlor.llm.stateless.asked import Answered, Asked
from parlor.llm.stateless.calls import Item
from parlor.llm.stateless.chat import StatelessChat
from parlor.llm.stateless.frames import AnswerFrames
from parlor.llm.stateless.keyed import CallKey, KeyedCalls, Reply

_REPLAYED = {"idempotency-replayed": "true"}


class Replying:
    def __init__(self, chat: StatelessChat, keyed: KeyedCalls, streams: OpenStreams) -> None:
        self._chat = chat
        self._keyed = keyed
        self._streams = streams

    async def answer(self, request: Request, caller: Caller, asked: Asked, key: CallKey | None) -> Response:
        """A client that goes ends the call, unless it has a key to ask again with."""
        if "text/event-stream" in request.headers.get("accept", ""):
            return await self._stream(request, caller, asked, key)

        async def work() -> Reply:
            return (await self._chat.answer(asked)).as_json()

        return await plain_reply(request, asked.account_id, key, self._keyed, work)

    async def _stream(self, request: Request, caller: Caller, asked: Asked, key: CallKey | None) -> Response:
        """What is refused before the provider has taken the question is a problem with a status, as everywhere."""
        items = self._chat.items(asked) if key is None else self._keyed_items(asked, key)
        try:
            first = await unless_left(request, anext(items))
        except BaseException:
            await items.aclose()
            raise
        headers = _REPLAYED if isinstance(first, Answered) else {}
        return EventStream(_frames(first, items), headers=headers, held=self._streams.of(caller))

    async def _keyed_items(self, asked: Asked, key: CallKey) -> AsyncGenerator[Item]:
        """Like `StatelessChat.items`; of an earlier request's answer there is only the end."""
        queue = asyncio.Queue[Item | None]()

        async def work() -> Reply:
            last: Item = ()
            async with aclosing(self._chat.items(asked)) as items:
                async for last in items:
                    if not isinstance(last, Answered):
                        queue.put_nowait(last)
            assert isinstance(last, Answered)
            return last.as_json()

        running = self._keyed.start(asked.account_id, key, work)
        running.add_done_callback(lambda _: queue.put_nowait(None))
        while (item := await queue.get()) is not None:
            yield item
        reply, _ = await running
        yield Answered.of_json(reply)


async def _frames(first: Item, items: AsyncGenerator[Item]) -> AsyncIterator[bytes]:
    frames = AnswerFrames()
    async with aclosing(items):
        try:
            if data := frames.of(first):
                yield data
            async for item in items:
                if data := frames.of(item):
                    yield data
        except ParlorError as error:
            yield frames.failed(error)


async def plain_reply(request: Request, account_id: UUID, key: CallKey | None, keyed: KeyedCalls, work: Callable[[], Awaitable[Reply]]) -> Response:
    """What `work` gives, as JSON."""
    if key is None:
        return JSONResponse(await unless_left(request, work()))
    reply, is_replay = await unless_left(request, keyed.run(account_id, key, work))
    return JSONResponse(reply, headers=_REPLAYED if is_replay else {})
