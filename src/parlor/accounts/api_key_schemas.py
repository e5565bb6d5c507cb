"""Bodies of /api-keys."""

import unicodedata
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field

from parlor.accounts.api_keys import NewApiKey, Shown
from parlor.accounts.caller import Scope
from parlor.core.web.schemas import Body, Reply

MAX_MICROS = 10**15


def _one_line(text: str) -> str:
    name = text.strip()
    if not name or any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise ValueError("a name is one line of ordinary characters")
    return name


Name = Annotated[str, Field(max_length=100, description="What it is for.", examples=["nightly report"]), AfterValidator(_one_line)]


class ApiKeyCreate(Body):
    name: Name
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = Field(
        default=frozenset({"chat", "read"}),
        description="What it may do: `read` shows one's own things, `chat` is all of sessions, messages and turns, `wallet` all of the wallet, "
        "`admin` what administrators do.",
        json_schema_extra={"default": ["chat", "read"]},
    )
    budget_micros: Annotated[int, Field(ge=0, le=MAX_MICROS)] | None = Field(default=None, description="The most that may be spent with it, altogether.")
    expires_at: AwareDatetime | None = Field(default=None, description="From when on it is refused. Without it: never, until it is revoked.")

    def new_key(self) -> NewApiKey:
        return NewApiKey(name=self.name, scopes=self.scopes, budget_micros=self.budget_micros, expires_at=self.expires_at)


class ApiKeyChange(Body):
    name: Name


class ApiKeyRead(Reply):
    id: UUID
    name: str
    prefix: str = Field(description="How its text begins.")
    scopes: list[Scope]
    budget_micros: int | None
    used_micros: int | None = Field(description="What was spent, or is held, of the budget. Null without one.")
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="Up to a minute behind.")
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, shown: Shown) -> "ApiKeyRead":
        return cls.model_validate(fields_of(shown))


class ApiKeyCreated(ApiKeyRead):
    key: str | None = Field(description="Its text, shown here and never again. Null when the request is repeated with its Idempotency-Key.")

    @classmethod
    def of(cls, shown: Shown) -> "ApiKeyCreated":
        return cls.model_validate({**fields_of(shown), "key": shown.text})


def fields_of(shown: Shown) -> dict[str, object]:
    budget = shown.budget
    return {
        **{name: getattr(shown.key, name) for name in ("id", "name", "prefix", "scopes", "expires_at", "last_used_at", "created_at", "revoked_at")},
        "budget_micros": budget.limit_micros if budget is not None else None,
        "used_micros": budget.used_micros if budget is not None else None,
    }
