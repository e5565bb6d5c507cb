"""Answering, over HTTP, what a turn asks a person."""

from typing import Any, Literal
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from pydantic import Field

from parlor.accounts import ChatDep
from parlor.chat.resuming import Resumption
from parlor.core.web import Router, documents
from parlor.core.web.schemas import Body
from parlor.llm import UnknownModel
from parlor.tools import ToolCaller
from parlor.turns import BadAnswer, GivenAnswer, NoSuchQuestion, NoSuchTurn, QuestionClosed, TurnRead, TurnReader
from parlor.wallet import BudgetExceeded, InsufficientFunds

router = Router(tags=["turns"])


class AnswerCreate(Body):
    decision: Literal["approve", "reject", "edit"]
    arguments: dict[str, Any] | None = Field(default=None, description="With `edit`: what the tool is called with instead.")
    form: dict[str, Any] | None = Field(default=None, description="With `approve`, for a question of kind `form`: the filled-in form.")
    reason: str | None = Field(default=None, max_length=2000, description="For the model to read, with `reject`.")


@router.post(
    "/turns/{turn_id}/answers/{question_id}",
    responses=documents(NoSuchTurn, NoSuchQuestion, QuestionClosed, BadAnswer, InsufficientFunds, BudgetExceeded, UnknownModel),
)
async def answer_question(
    turn_id: UUID, question_id: UUID, body: AnswerCreate, caller: ChatDep, resumption: FromDishka[Resumption], turns: FromDishka[TurnReader]
) -> TurnRead:
    """Takes the answer to one of the turn's `pending` questions, once. With the last of them the turn goes on; whatever is refused here, it waits on."""
    answer = GivenAnswer(body.decision, body.arguments, body.form, body.reason)
    await resumption.answer(turn_id, question_id, answer, ToolCaller.of(caller))
    return await turns.read(turn_id, caller.account_id)
