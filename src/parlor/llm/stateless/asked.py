"""What a stateless call asks, and what comes of it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from parlor.llm.access import EVERYBODY, ModelAccess
from parlor.llm.parameters import ModelParams
from parlor.llm.ports import FinishReason, ModelMessage, Usage


class Asked(msgspec.Struct, frozen=True):
    """A question, with all that was said before it.

    `on_the_house`: the platform pays, and `account_id` only says in whose name.
    `cache`: whether the answer may be one that was given before. None: as the model's settings say.
    """

    account_id: UUID
    messages: Sequence[ModelMessage]
    model: str | None = None
    params: ModelParams = msgspec.field(default_factory=ModelParams)
    api_key_id: UUID | None = None
    cache: bool | None = None
    access: ModelAccess = EVERYBODY
    on_the_house: bool = False


class Answered(msgspec.Struct, frozen=True):
    """`charge_micros` is None when it could not be settled: then nothing is charged in the end."""

    response: str
    model: str
    usage: Usage
    charge_micros: int | None
    finish_reason: FinishReason
    cached: bool = False

    def as_json(self) -> dict[str, Any]:
        """The reply of the API."""
        return msgspec.to_builtins(self)

    @classmethod
    def of_json(cls, reply: Any) -> "Answered":
        return msgspec.convert(reply, cls)
