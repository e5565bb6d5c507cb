"""What the routes that begin a turn share: the key, and the three ways to answer."""

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from parlor.accounts import Caller, OpenStreams
from parlor.chat.schemas import MessageRead, TurnAndMessage
from parlor.chat.sending import Key, Question, Sender, Sent
from parlor.chat.sessions import Sessions
from parlor.core.idempotency import check_key, hash_of
from parlor.core.web import EventStream
from parlor.turns import TurnReader


class Answering:
    def __init__(self, sender: Sender, turns: TurnReader, sessions: Sessions, streams: OpenStreams) -> None:
        self._sender = sender
        self._turns = turns
        self._sessions = sessions
        self._streams = streams

    async def answer(self, request: Request, caller: Caller, question: Question, key: str | None, body: BaseModel, *, wait: bool) -> Response:
        """A stream of events when the request accepts one; else JSON, with `wait` once the turn is over."""
        checked = None if key is None else Key(check_key(key), hash_of([str(question.session_id), body.model_dump(mode="json", exclude_unset=True)]))
        sent = await self._sender.send(question, checked)
        headers = {"x-turn-id": str(sent.turn_id)}
        if sent.is_replay:
            headers["idempotency-replayed"] = "true"
        if "text/event-stream" in request.headers.get("accept", "") and not wait:
            return EventStream(await self._turns.follow(sent.turn_id, question.account_id), headers=headers, held=self._streams.of(caller))
        return await self._as_json(question, sent, headers, wait=wait)

    async def _as_json(self, question: Question, sent: Sent, headers: dict[str, str], *, wait: bool) -> Response:
        if wait:
            await self._turns.ended(sent.turn_id, question.account_id)
        turn = await self._turns.get(sent.turn_id, question.account_id)
        message = await self._sessions.message(question.session_id, question.account_id, turn.answer_id) if wait else None
        if message is None:
            message = await self._sessions.message(question.session_id, question.account_id, sent.question_id)
        reply = TurnAndMessage(turn=await self._turns.shown(turn), message=MessageRead.of(message))
        return JSONResponse(reply.model_dump(mode="json"), 200 if wait else 202, headers)
