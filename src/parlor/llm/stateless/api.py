"""Stateless chat over HTTP."""

from typing import Annotated, Any

from dishka.integrations.fastapi import FromDishka
from fastapi import Header, Request, Response

from parlor.accounts import AccountNotFound, ActingDep, NotYourUser, OpenStreams
from parlor.core.errors import Invalid, RateLimited
from parlor.core.idempotency import IdempotencyMismatch, KeyInProgress
from parlor.core.web import Router, documents
from parlor.llm.access import ModelAccess
from parlor.llm.errors import EmptyMessage, MessageTooLong, ModelFailed, NoModel, PromptTooLong, UnknownModel
from parlor.llm.ports import ModelMessage
from parlor.llm.stateless.analysis import Analyst
from parlor.llm.stateless.asked import Asked
from parlor.llm.stateless.chat import StatelessChat
from parlor.llm.stateless.errors import TooManyCalls, UnusableAnswer
from parlor.llm.stateless.keyed import CallKey, KeyedCalls
from parlor.llm.stateless.replying import Replying, plain_reply
from parlor.llm.stateless.schemas import AnalysisAsk, AnalysisRead, AnswerRead, ConversationAsk, MessageAsk
from parlor.wallet import BudgetExceeded, InsufficientFunds

router = Router(tags=["stateless"])

IdempotencyKey = Annotated[str | None, Header(description="The same key and body again give the same answer, and are not charged again.")]

REFUSALS = documents(
    AccountNotFound, UnknownModel, NotYourUser, InsufficientFunds, BudgetExceeded, KeyInProgress, IdempotencyMismatch, EmptyMessage, MessageTooLong,
    PromptTooLong, RateLimited, TooManyCalls, ModelFailed, NoModel,
)  # fmt: skip
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": AnswerRead,
        "description": "With `Accept: text/event-stream` as events: text.delta, reasoning.delta, usage, then completed or failed.",
        "content": {"text/event-stream": {}},
    },
    **REFUSALS,
}


@router.post("/chat/message", response_model=AnswerRead, responses=ANSWERS)
async def ask_message(
    body: MessageAsk,
    request: Request,
    caller: ActingDep,
    chat: FromDishka[StatelessChat],
    keyed: FromDishka[KeyedCalls],
    streams: FromDishka[OpenStreams],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """One message, one answer. Nothing of it is stored but the charge."""
    asked = Asked(caller.account_id, body.messages(), body.model, body.params, caller.api_key_id, body.cache, ModelAccess.of(caller))
    key = None if idempotency_key is None else CallKey.of(idempotency_key, "chat.message", body.fingerprint())
    return await Replying(chat, keyed, streams).answer(request, caller, asked, key)


@router.post("/chat/conversation", response_model=AnswerRead, responses=ANSWERS)
async def ask_conversation(
    body: ConversationAsk,
    request: Request,
    caller: ActingDep,
    chat: FromDishka[StatelessChat],
    keyed: FromDishka[KeyedCalls],
    streams: FromDishka[OpenStreams],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """The next answer of a conversation that the client keeps."""
    messages = body.model_messages()
    if messages[-1].role != "user":
        raise Invalid("The last message must be a user's: that is what is answered.")
    asked = Asked(caller.account_id, messages, body.model, body.params, caller.api_key_id, body.cache, ModelAccess.of(caller))
    key = None if idempotency_key is None else CallKey.of(idempotency_key, "chat.conversation", body.fingerprint())
    return await Replying(chat, keyed, streams).answer(request, caller, asked, key)


@router.post("/chat/analyze", response_model=AnalysisRead, response_model_exclude_unset=True, responses={**REFUSALS, **documents(UnusableAnswer)})
async def analyze_text(
    body: AnalysisAsk,
    request: Request,
    caller: ActingDep,
    analyst: FromDishka[Analyst],
    keyed: FromDishka[KeyedCalls],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """What a text is about, and how it says it: as the model finds it, in fields that were checked."""
    asked = Asked(
        caller.account_id, [ModelMessage("user", body.text)], body.model, api_key_id=caller.api_key_id, cache=body.cache, access=ModelAccess.of(caller)
    )
    key = None if idempotency_key is None else CallKey.of(idempotency_key, "chat.analyze", body.fingerprint())
    return await plain_reply(request, asked.account_id, key, keyed, lambda: analyst.analyse(asked, set(body.kinds)))
