"""Refusals of turns."""

from parlor.core.errors import Conflict, Invalid, NotFound, RateLimited, Unavailable
from parlor.turns.states import Reason


class TurnInProgress(Conflict):
    code = "chat.turn_in_progress"
    detail = "This session is still answering. Wait for it, or stop it first."


class NoSuchTurn(NotFound):
    code = "chat.no_such_turn"
    detail = "There is no such turn, or it is not yours."


class TooManyTurns(RateLimited):
    code = "chat.too_many_turns"
    detail = "You have as many answers running as you may. Wait for one to end."


class NoSuchQuestion(NotFound):
    code = "chat.no_such_question"
    detail = "This turn asks no such question, or it is not yours."


class QuestionClosed(Conflict):
    code = "chat.question_closed"
    detail = "This question was answered before, or its turn has ended."


class BadAnswer(Invalid):
    code = "chat.bad_answer"
    detail = "This is no answer to the question. It waits on."


class ShuttingDown(Unavailable):
    code = "server.shutting_down"
    detail = "This server is stopping and takes no new questions. Try again in a moment."


class Fenced(Exception):
    """The turn was ended, or taken over, by somebody else: whoever meets this writes nothing more."""


class TurnFailure(Exception):
    """Ends a turn as failed, with a reason of its own. Raised by the work of a turn."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.value)
