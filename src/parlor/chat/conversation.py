"""One conversation from the command line: asked in this process, or of a server over its HTTP API. Both give the same pieces."""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import UUID

import msgspec

from parlor.accounts import AccountDirectory
from parlor.chat.errors import NoSuchSession
from parlor.chat.resuming import Resumption
from parlor.chat.sending import Question, Sender
from parlor.chat.sessions import Sessions
from parlor.core.db import Database
from parlor.core.errors import ParlorError, Unauthenticated
from parlor.core.outbound import Outbound
from parlor.llm import OPERATOR
from parlor.tools import ToolCaller
from parlor.turns import GivenAnswer, TurnEngine, TurnReader

if TYPE_CHECKING:
    from dishka import AsyncContainer


class Piece(msgspec.Struct, frozen=True):
    """A stretch of an answer. `tool` says what was called and what came back, `note` which other model answers, `problem` why it is not whole.

    With `question` the turn waits: the answer goes to `Conversation.answer`, and the pieces go on.
    """

    kind: Literal["text", "reasoning", "tool", "note", "question", "problem"]
    text: str
    question: Mapping[str, Any] | None = None


class Conversation(Protocol):
    @property
    def session_id(self) -> UUID: ...

    def ask(self, question: str) -> AsyncIterator[Piece]: ...

    async def answer(self, turn_id: UUID, question_id: UUID, answer: GivenAnswer) -> None:
        """To what a piece has asked."""
        ...


class Refused(ParlorError):
    """What the server said no to, in its own words."""

    code = "chat.refused"


async def in_process(container: "AsyncContainer", *, agent: str | None, model: str | None, session: str | None) -> "LocalConversation":
    """As the local operator, who is not charged."""
    db, directory = await container.get(Database), await container.get(AccountDirectory)
    sessions = await container.get(Sessions)
    account = await db.write(directory.operator)
    if session is None:
        row = await sessions.create(account.id, title="", category="command line", agent=agent, model=model, metadata={}, access=OPERATOR)
    else:
        row, _ = await sessions.get(_id(session), account.id)
    services = (await container.get(Sender), await container.get(Resumption), await container.get(TurnEngine), await container.get(TurnReader))
    return LocalConversation(*services, account.id, row.id, agent, model)


class LocalConversation:
    def __init__(
        self,
        sender: Sender,
        resumption: Resumption,
        engine: TurnEngine,
        turns: TurnReader,
        account_id: UUID,
        session_id: UUID,
        agent: str | None,
        model: str | None,
    ) -> None:
        self._sender = sender
        self._resumption = resumption
        self._engine = engine
        self._turns = turns
        self._account_id = account_id
        self._agent = agent
        self._model = model
        self.session_id = session_id

    async def ask(self, question: str) -> AsyncIterator[Piece]:
        asked = Question(self._account_id, self.session_id, text=question, agent=self._agent, model=self._model, is_free=True, access=OPERATOR)
        sent = await self._sender.send(asked)
        try:
            async for frames in await self._turns.follow(sent.turn_id, self._account_id):
                for piece in pieces_of(frames):
                    yield piece
        finally:
            # Of a turn whose asker left nobody would ever see the rest. Stopping one that is over does nothing.
            if not self._engine.stop(sent.turn_id) and (await self._turns.get(sent.turn_id, self._account_id)).ended_at is None:
                await self._turns.stop(sent.turn_id, self._account_id)

    async def answer(self, turn_id: UUID, question_id: UUID, answer: GivenAnswer) -> None:
        await self._resumption.answer(turn_id, question_id, answer, ToolCaller(self._account_id, is_unlimited=True))


async def with_server(
    container: "AsyncContainer", server: str, token: str, *, agent: str | None, model: str | None, session: str | None
) -> "RemoteConversation":
    if not token:
        raise Unauthenticated("Set PARLOR_TOKEN to an access token of that server: POST /api/v1/auth/login gives one.")
    conversation = RemoteConversation(await container.get(Outbound), server.rstrip("/") + "/api/v1", token, agent, model)
    await conversation.open(session)
    return conversation


class RemoteConversation:
    """The server's address is the user's own choice at their own command line, so the door for trusted addresses is the right one."""

    def __init__(self, outbound: Outbound, base_url: str, token: str, agent: str | None, model: str | None) -> None:
        self._outbound = outbound
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._choice = {name: value for name, value in (("agent", agent), ("model", model)) if value is not None}
        self.session_id = UUID(int=0)

    async def open(self, session: str | None) -> None:
        method, path, body = ("POST", "/sessions", self._choice) if session is None else ("GET", f"/sessions/{_id(session)}", None)
        encoded = None if body is None else msgspec.json.encode(body)
        async with self._outbound.trusted(method, self._base_url + path, headers=self._headers, body=encoded) as reply:
            answer = await reply.read_all(1 << 20)
            if reply.status >= 400:
                raise _refusal(answer, reply.status)
            self.session_id = UUID(msgspec.json.decode(answer)["id"])

    async def ask(self, question: str) -> AsyncIterator[Piece]:
        url = f"{self._base_url}/sessions/{self.session_id}/messages"
        headers = {**self._headers, "Accept": "text/event-stream"}
        async with self._outbound.trusted("POST", url, headers=headers, body=msgspec.json.encode({"content": question, **self._choice})) as reply:
            if reply.status >= 400:
                raise _refusal(await reply.read_all(1 << 20), reply.status)
            waiting = b""
            while read := await reply.read_some():
                frames, _, waiting = (waiting + read).rpartition(b"\n\n")
                for piece in pieces_of(frames):
                    yield piece
        for piece in pieces_of(waiting):
            yield piece

    async def answer(self, turn_id: UUID, question_id: UUID, answer: GivenAnswer) -> None:
        url, body = f"{self._base_url}/turns/{turn_id}/answers/{question_id}", msgspec.json.encode(answer.stored())
        async with self._outbound.trusted("POST", url, headers=self._headers, body=body) as reply:
            said = await reply.read_all(1 << 20)
            if reply.status >= 400:
                raise _refusal(said, reply.status)


def pieces_of(frames: bytes) -> list[Piece]:
    """What a person wants to see of some whole frames of a turn's stream."""
    lines = [line[6:] for line in frames.split(b"\n") if line.startswith(b"data: ")]
    return [piece for line in lines if (piece := _piece(msgspec.json.decode(line))) is not None]


def _piece(event: dict[str, Any]) -> Piece | None:
    match event["type"]:
        case "text.delta":
            return Piece("text", event["text"])
        case "reasoning.delta":
            return Piece("reasoning", event["text"])
        case "tool.called":
            return Piece("tool", f"{event['tool']} {msgspec.json.encode(event['arguments']).decode()}")
        case "tool.result":
            outcome = event.get("error") or msgspec.json.encode(event.get("result")).decode()
            return Piece("tool", f"-> {outcome}")
        case "question.asked":
            return Piece("question", event["question"]["text"], {**event["question"], "turn_id": event["turn_id"]})
        case "model.fallback":
            return Piece("note", f"{event['from']} did not answer ({event['reason']}): {event['to']} does")
        case "memory.compacted":
            return Piece("note", f"{event['replaces']['messages']} older messages are a summary from here on")
        case "turn.failed" | "turn.interrupted":
            return Piece("problem", event["problem"]["title"])
        case _:
            return None


def _refusal(answer: bytes, status: int) -> ParlorError:
    try:
        detail = msgspec.json.decode(answer)["detail"]
    except (msgspec.DecodeError, KeyError, TypeError):
        detail = f"it answered {status}"
    return Refused(f"The server refused: {detail}")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NoSuchSession() from None
