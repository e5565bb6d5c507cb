"""The states of a turn, and why one ended as it did."""

from enum import StrEnum


class TurnState(StrEnum):
    """`queued -> running -> (awaiting_input -> running)* -> completed | stopped | failed | interrupted`."""

    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_INPUT = "awaiting_input"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset({TurnState.COMPLETED, TurnState.STOPPED, TurnState.FAILED, TurnState.INTERRUPTED})


class Reason(StrEnum):
    """Why a turn did not simply complete. Machine-readable, stable."""

    STOPPED_BY_USER = "stopped_by_user"
    PROVIDER_UNREACHABLE = "provider_unreachable"
    PROVIDER_RATE_LIMITED = "provider_rate_limited"
    PROVIDER_ERROR = "provider_error"
    PROVIDER_PROTOCOL = "provider_protocol"
    CONTENT_FILTER = "content_filter"
    LENGTH = "length"
    CREDITS_EXHAUSTED = "credits_exhausted"
    LIMIT_STEPS = "limit_steps"
    LIMIT_TIME = "limit_time"
    LIMIT_TOKENS = "limit_tokens"
    LIMIT_CREDITS = "limit_credits"
    QUESTION_EXPIRED = "question_expired"
    SERVER_RESTART = "server_restart"
    STORAGE = "storage"
    INTERNAL = "internal"


SENTENCES: dict[Reason, str] = {
    Reason.STOPPED_BY_USER: "The answer was stopped.",
    Reason.PROVIDER_UNREACHABLE: "The model's provider could not be reached. Nothing was charged for what it did not say; try again.",
    Reason.PROVIDER_RATE_LIMITED: "The model's provider is too busy right now. Try again in a moment.",
    Reason.PROVIDER_ERROR: "The model's provider reported an error.",
    Reason.PROVIDER_PROTOCOL: "The model's provider sent something that is not an answer, or broke off in the middle of one.",
    Reason.CONTENT_FILTER: "The model's provider refused to answer this.",
    Reason.LENGTH: "The answer reached its length limit.",
    Reason.CREDITS_EXHAUSTED: "The credit does not cover the next step of this answer.",
    Reason.LIMIT_STEPS: "The agent took as many steps as it may and was not done.",
    Reason.LIMIT_TIME: "The answer took longer than it may.",
    Reason.LIMIT_TOKENS: "The agent used as many tokens as it may and was not done.",
    Reason.LIMIT_CREDITS: "The agent spent as much as it may on one answer and was not done.",
    Reason.QUESTION_EXPIRED: "The question of this turn was not answered in time.",
    Reason.SERVER_RESTART: "The server stopped while it was answering. What had been said is kept; ask again to go on.",
    Reason.STORAGE: "The answer could not be saved.",
    Reason.INTERNAL: "Something went wrong on our side.",
}
"""What a person reads. None repeats what a provider said: that text may hold keys."""
