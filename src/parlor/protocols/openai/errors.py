"""Errors as OpenAI's clients read them: type and code where they act on them, our own code otherwise."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from parlor.core.web import Envelope, Refused
from parlor.protocols.openai.schemas import ErrorObject, ErrorReply

_CODES: Mapping[str, str] = {
    "llm.unknown_model": "model_not_found",
    "agents.unknown_agent": "model_not_found",
    "wallet.insufficient_funds": "insufficient_quota",
    "wallet.budget_exceeded": "insufficient_quota",
    "rate_limited": "rate_limit_exceeded",
}
_NOT_FOUND = "model_not_found"
_NO_QUOTA = "insufficient_quota"


def in_openai_words(refused: Refused) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    code = "invalid_api_key" if refused.status == 401 else _CODES.get(refused.code, refused.code)
    error = ErrorObject(message=refused.detail, type=_type(refused.status, code), param=_param(refused.facts, code), code=code)
    # Their SDK tries 409, 429 and 5xx again by itself: without credit that is no use.
    headers = {"x-should-retry": "false"} if code == _NO_QUOTA else {}
    return ErrorReply(error=error).model_dump(), headers


def _type(status: int, code: str) -> str:
    if code == _NO_QUOTA:
        return _NO_QUOTA
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"


def _param(facts: Mapping[str, Any], code: str) -> str | None:
    """The field that is wrong, by its path below the body: messages.0.content."""
    if code == _NOT_FOUND:
        return "model"
    errors = cast("Sequence[Mapping[str, Any]]", facts.get("errors") or ())
    return ".".join(str(part) for part in errors[0]["loc"][1:]) or None if errors else None


ENVELOPE = Envelope("/v1", ErrorReply, in_openai_words)
