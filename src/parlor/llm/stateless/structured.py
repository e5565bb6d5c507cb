"""Answers that follow a JSON schema: checked, asked for once more when they do not, and paid for either way."""

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel, ValidationError

from parlor.llm.errors import ModelFailed
from parlor.llm.ports import ModelMessage, Usage
from parlor.llm.stateless.asked import Answered
from parlor.llm.stateless.calls import ModelCalls, Prepared
from parlor.llm.stateless.errors import UnusableAnswer

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_REPAIR = "That cannot be used: {wrong}. Answer again, with the whole JSON object and nothing else."
_MOST_SHOWN_CHARS = 20_000
_MOST_ERRORS = 10
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)


class Unusable(Exception):
    """An answer that does not follow the schema. The text says what is wrong with it, for whoever wrote it."""


class Structured(msgspec.Struct, Generic[T], frozen=True):
    """`answered` has the usage and the charge of both tries, where there were two."""

    value: T
    answered: Answered


class StructuredCalls:
    def __init__(self, calls: ModelCalls) -> None:
        self._calls = calls

    async def ask(self, prepared: Prepared, read: Callable[[str], T], *, purpose: str) -> Structured[T]:
        """`read` raises Unusable for an answer that cannot be used.

        Raises what a call of a model raises, and UnusableAnswer when a second try could not be used either. Both tries are charged.
        """
        first = await self._calls.whole(prepared, purpose=purpose)
        try:
            return Structured(read(first.response), first)
        except Unusable as wrong:
            second = await self._again(prepared, first, str(wrong), purpose)
        try:
            return Structured(read(second.response), second)
        except Unusable as wrong:
            raise UnusableAnswer(charge_micros=second.charge_micros, model=second.model) from wrong

    async def _again(self, prepared: Prepared, first: Answered, wrong: str, purpose: str) -> Answered:
        """The one try to repair it. What it answers has the usage and the charge of both, and so has what it raises."""
        said = [ModelMessage("assistant", first.response[:_MOST_SHOWN_CHARS])] if first.response.strip() else []
        messages = [*prepared.request.messages, *said, ModelMessage("user", _REPAIR.format(wrong=wrong))]
        try:
            second = await self._calls.whole(replace(prepared, request=replace(prepared.request, messages=messages)), purpose=purpose)
        except ModelFailed as failure:
            failure.facts["charge_micros"] = _sum(first.charge_micros, failure.facts.get("charge_micros"))
            raise
        usage = Usage(*(getattr(first.usage, name) + getattr(second.usage, name) for name in Usage.__struct_fields__))
        return replace(second, usage=usage, charge_micros=_sum(first.charge_micros, second.charge_micros))


def closed_object(**properties: Any) -> dict[str, Any]:
    """A JSON schema, closed and with everything required, as the strictest providers want it."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def json_in(answer: str) -> Any:
    """The JSON of an answer, alone or in a ```json fence. Raises Unusable."""
    fenced = _FENCED.search(answer)
    try:
        return msgspec.json.decode((fenced[1] if fenced else answer).strip())
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unusable("it is not JSON") from error


def reader_of(kind: type[M]) -> Callable[[str], M]:
    """Reads an answer as that model. Raises Unusable, naming the fields."""

    def read(answer: str) -> M:
        try:
            return kind.model_validate(json_in(answer))
        except ValidationError as error:
            raise Unusable(faults_of(error)) from error

    return read


def faults_of(error: ValidationError, *where: str) -> str:
    """What is wrong where, without what was sent."""
    wrong = [f"{'.'.join(map(str, (*where, *each['loc'])))}: {each['msg']}" for each in error.errors(include_url=False, include_input=False)]
    return "; ".join(wrong[:_MOST_ERRORS])


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
