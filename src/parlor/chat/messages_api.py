"""Asking over HTTP: the answer as a stream, at once, or later."""

from typing import Annotated, Any
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Header, Query, Request, Response

from parlor.accounts import Caller, ChatDep
from parlor.agents import UnknownAgent
from parlor.chat.answering import Answering
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.questions import text_of_content
from parlor.chat.schemas import MessageCreate, RegenerateCreate, TurnAndMessage
from parlor.chat.sending import Question
from parlor.chat.settings import ChatSettings
from parlor.core.errors import RateLimited
from parlor.core.idempotency import IdempotencyMismatch
from parlor.core.web import Router, documents
from parlor.llm import EmptyMessage, MessageTooLong, ModelAccess, UnknownModel, checked_text
from parlor.turns import TurnInProgress
from parlor.wallet import BudgetExceeded, InsufficientFunds

router = Router(tags=["messages"])

IdempotencyKey = Annotated[str | None, Header(description="The same key and body again give the same turn.")]
Wait = Annotated[bool, Query(description="Answer only when the turn is over, with the assistant's message.")]

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": TurnAndMessage,
        "description": "With `wait`, the turn and its answer; with `Accept: text/event-stream`, the turn's events.",
        "content": {"text/event-stream": {}},
    },
    **documents(
        NoSuchSession,
        NoSuchMessage,
        UnknownAgent,
        UnknownModel,
        TurnInProgress,
        InsufficientFunds,
        BudgetExceeded,
        EmptyMessage,
        MessageTooLong,
        IdempotencyMismatch,
        RateLimited,
    ),
}


@router.post("/sessions/{session_id}/messages", status_code=202, response_model=TurnAndMessage, responses=ANSWERS)
async def send_message(
    session_id: UUID,
    body: MessageCreate,
    request: Request,
    caller: ChatDep,
    answering: FromDishka[Answering],
    settings: FromDishka[ChatSettings],
    idempotency_key: IdempotencyKey = None,
    wait: Wait = False,
) -> Response:
    """Begins a turn: 202 with the turn and the saved question; with `Accept: text/event-stream` its events; with `wait` the answer."""
    question = _question(session_id, body, caller, settings)
    return await answering.answer(request, caller, question, idempotency_key, body, wait=wait)


@router.post("/sessions/{session_id}/regenerate", status_code=202, response_model=TurnAndMessage, responses=ANSWERS)
async def regenerate_answer(
    session_id: UUID,
    body: RegenerateCreate,
    request: Request,
    caller: ChatDep,
    answering: FromDishka[Answering],
    idempotency_key: IdempotencyKey = None,
    wait: Wait = False,
) -> Response:
    """Answers the same question again: the new answer stands beside the old one."""
    question = Question(
        caller.account_id,
        session_id,
        again=body.message_id,
        model=body.model,
        params=body.params,
        api_key_id=caller.api_key_id,
        access=ModelAccess.of(caller),
    )
    return await answering.answer(request, caller, question, idempotency_key, body, wait=wait)


def _question(session_id: UUID, body: MessageCreate, caller: Caller, settings: ChatSettings) -> Question:
    return Question(
        account_id=caller.account_id,
        session_id=session_id,
        text=checked_text(text_of_content(body.content), settings.message_most_chars),
        parent_id=body.parent_id,
        is_root="parent_id" in body.model_fields_set and body.parent_id is None,
        agent=body.agent,
        model=body.model,
        params=body.params,
        api_key_id=caller.api_key_id,
        access=ModelAccess.of(caller),
    )
