"""The calls that answer at once, over HTTP."""

from collections.abc import Sequence
from typing import Annotated, Any

from dishka.integrations.fastapi import FromDishka
from fastapi import Header, Request, Response

from parlor.accounts import AccountNotFound, ActingDep, Caller, NotYourUser, OpenStreams
from parlor.agents import UnknownAgent
from parlor.chat.asking.errors import FAILURES
from parlor.chat.asking.intent import IntentAnalyst
from parlor.chat.asking.outcomes import agent_reply, chat_reply, refuse_failed
from parlor.chat.asking.schemas import AgentAsk, AgentReply, Ask, ChatAsk, ChatReply, IntentAsk, IntentRead
from parlor.chat.asking.single import NO_SESSION, SingleCalls
from parlor.chat.errors import NoSuchSession
from parlor.chat.sending import Key, Question, Sent
from parlor.chat.settings import ChatSettings
from parlor.core.errors import NotAcceptable, RateLimited
from parlor.core.idempotency import IdempotencyMismatch, KeyInProgress, check_key, hash_of
from parlor.core.web import EventStream, Router, documents, refuse_unless_accepted
from parlor.llm import (
    Asked,
    CallKey,
    EmptyMessage,
    KeyedCalls,
    MessageTooLong,
    ModelAccess,
    ModelFailed,
    ModelMessage,
    NoModel,
    PromptTooLong,
    TooManyCalls,
    UnknownModel,
    UnusableAnswer,
    checked_text,
    plain_reply,
)
from parlor.turns import LogEvent, NoSuchTurn, TurnInProgress, TurnRead, TurnReader
from parlor.wallet import BudgetExceeded, InsufficientFunds

router = Router(tags=["calls"])

IdempotencyKey = Annotated[str | None, Header(description="The same key and body again give the same turn.")]
CallKeyHeader = Annotated[
    str | None, Header(alias="idempotency-key", description="The same key and body again give the same answer, and are not charged again.")
]
_REFUSALS = (
    AccountNotFound, NotYourUser, NoSuchSession, NoSuchTurn, UnknownAgent, UnknownModel, TurnInProgress, InsufficientFunds, BudgetExceeded, EmptyMessage,
    MessageTooLong, PromptTooLong, IdempotencyMismatch, RateLimited,
)  # fmt: skip
_CALL_REFUSALS = (
    AccountNotFound, NotYourUser, UnknownModel, NoModel, InsufficientFunds, BudgetExceeded, EmptyMessage, MessageTooLong, PromptTooLong, KeyInProgress,
    IdempotencyMismatch, RateLimited, TooManyCalls, ModelFailed, UnusableAnswer,
)  # fmt: skip
ANSWERS: dict[int | str, dict[str, Any]] = documents(*_REFUSALS, *FAILURES)
EVENTS: dict[int | str, dict[str, Any]] = documents(*_REFUSALS, NotAcceptable)


@router.post("/chat", responses=ANSWERS)
async def chat(
    body: ChatAsk,
    caller: ActingDep,
    calls: FromDishka[SingleCalls],
    settings: FromDishka[ChatSettings],
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> ChatReply:
    """One question, and its answer once the turn is over or waits for a person."""
    sent = await _send(calls, _question(body, body.agent_name, caller, settings), body, "chat", idempotency_key, response)
    return chat_reply(*await _outcome(calls, sent, caller))


@router.post("/agent/invoke", responses=ANSWERS)
async def invoke_agent(
    body: AgentAsk,
    caller: ActingDep,
    calls: FromDishka[SingleCalls],
    settings: FromDishka[ChatSettings],
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> AgentReply:
    """Like POST /chat, with every tool call."""
    sent = await _send(calls, _question(body, body.agent, caller, settings), body, "agent.invoke", idempotency_key, response)
    return agent_reply(*await _outcome(calls, sent, caller))


@router.post("/agent/stream", response_class=EventStream, responses=EVENTS)
async def stream_agent(
    body: AgentAsk,
    request: Request,
    caller: ActingDep,
    calls: FromDishka[SingleCalls],
    settings: FromDishka[ChatSettings],
    turns: FromDishka[TurnReader],
    streams: FromDishka[OpenStreams],
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """The events of the turn. `x-turn-id` and `x-session-id` say which; `turn.started` has the session as well."""
    refuse_unless_accepted(request.headers.get("accept"))
    sent = await _send(calls, _question(body, body.agent, caller, settings), body, "agent.stream", idempotency_key, response)
    return EventStream(await turns.follow(sent.turn_id, caller.account_id), headers=dict(response.headers), held=streams.of(caller))


@router.post("/agent/analyze-intent", response_model=IntentRead, responses=documents(*_CALL_REFUSALS))
async def analyze_intent(
    body: IntentAsk,
    request: Request,
    caller: ActingDep,
    analyst: FromDishka[IntentAnalyst],
    keyed: FromDishka[KeyedCalls],
    idempotency_key: CallKeyHeader = None,
) -> Response:
    """What a message wants, and which of one's agents and tools could do it. Nothing of it is stored but the charge."""
    asked = Asked(caller.account_id, [ModelMessage("user", body.message)], body.model, api_key_id=caller.api_key_id, cache=False, access=ModelAccess.of(caller))
    key = None if idempotency_key is None else CallKey.of(idempotency_key, "agent.analyze-intent", body.model_dump(mode="json", exclude_unset=True))
    return await plain_reply(request, caller.account_id, key, keyed, lambda: analyst.analyse(asked))


async def _send(calls: SingleCalls, question: Question, body: Ask, route: str, key: str | None, response: Response) -> Sent:
    checked = None if key is None else Key(check_key(key), hash_of([route, body.model_dump(mode="json", exclude_unset=True)]))
    sent, session_id = await calls.send(question, checked)
    response.headers["x-turn-id"], response.headers["x-session-id"] = str(sent.turn_id), str(session_id)
    if sent.is_replay:
        response.headers["idempotency-replayed"] = "true"
    return sent


async def _outcome(calls: SingleCalls, sent: Sent, caller: Caller) -> tuple[TurnRead, Sequence[LogEvent]]:
    """Raises what a turn that came to no end answers."""
    turn, events = await calls.outcome(sent.turn_id, caller.account_id)
    refuse_failed(turn, events)
    return turn, events


def _question(body: Ask, agent: str | None, caller: Caller, settings: ChatSettings) -> Question:
    return Question(
        account_id=caller.account_id,
        session_id=body.session_id or NO_SESSION,
        text=checked_text(body.message, settings.message_most_chars),
        agent=agent,
        model=body.model,
        params=body.params,
        api_key_id=caller.api_key_id,
        access=ModelAccess.of(caller),
    )
