"""Questions of turns: what a turn asks a person, and the rows that wait for the answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, cast
from uuid import UUID

import msgspec

from parlor.core.db import Transaction
from parlor.core.ids import new_id
from parlor.turns import question_queries
from parlor.turns.schemas import QuestionRead

Kind = Literal["approval", "form", "signin"]
Decision = Literal["approve", "reject", "edit"]

_EXACT, _LARGEST = 2**53, 10**308
_canonical = msgspec.json.Encoder(order="deterministic")


class NewQuestion(msgspec.Struct, frozen=True):
    """A question about one tool call. `schema` is of the form to fill in, `url` the page to sign in at; `key` tells several questions of a call apart."""

    kind: Kind
    call_id: str
    tool: str
    text: str
    arguments: Mapping[str, Any] | None = None
    schema: Mapping[str, Any] | None = None
    url: str | None = None
    key: str = ""
    id: UUID = msgspec.field(default_factory=new_id)

    def shown(self, expires_at: datetime) -> QuestionRead:
        """As a person sees it."""
        return QuestionRead(
            id=self.id,
            kind=self.kind,
            call_id=self.call_id,
            tool=self.tool,
            arguments=self.arguments,
            schema=self.schema,
            url=self.url,
            text=self.text,
            expires_at=expires_at,
        )

    def insert(self, tx: Transaction, turn_id: UUID, expires_at: datetime) -> None:
        question_queries.insert_question(
            tx,
            **{"id": self.id, "turn_id": turn_id, "call_id": self.call_id, "kind": self.kind, "tool": self.tool, "key": self.key, "text": self.text},
            **{"arguments": self.arguments, "arguments_hash": hash_of_call(self.tool, self.arguments), "schema": self.schema, "url": self.url},
            expires_at=expires_at,
        )


class Paused(msgspec.Struct, frozen=True):
    """How the work of a turn ends for now: it cannot go on without these answers, and goes on from `state` (text of its own making)."""

    questions: Sequence[NewQuestion]
    state: str


class GivenAnswer(msgspec.Struct, frozen=True):
    """What a person said to one question. `arguments` with an edit, `form` with a yes to a form."""

    decision: Decision
    arguments: Mapping[str, Any] | None = None
    form: Mapping[str, Any] | None = None
    reason: str | None = None

    def stored(self) -> dict[str, Any]:
        """JSON, without what was not said."""
        values = {"decision": self.decision, "arguments": self.arguments, "form": self.form, "reason": self.reason}
        return {name: value for name, value in values.items() if value is not None}


def hash_of_call(tool: str, arguments: Mapping[str, Any] | None) -> bytes:
    """The same for the same call, however its JSON is written: Postgres gives 1e16 back as 10000000000000000."""
    return sha256(_canonical.encode([tool, _with_plain_numbers(arguments)])).digest()


def _with_plain_numbers(value: Any) -> Any:
    """Whole numbers as integers as far as floats are exact, and as floats beyond."""
    if isinstance(value, Mapping):
        return {name: _with_plain_numbers(each) for name, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [_with_plain_numbers(each) for each in cast("list[Any]", value)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if abs(value) < _EXACT:
        return int(value) if value == int(value) else value
    return float(value) if abs(value) < _LARGEST else str(value)
