"""What an analysis finds, kind by kind, and the JSON schema that a model is asked to follow."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from parlor.llm.fields import field_of

Kind = Literal["sentiment", "topics", "summary", "intent", "entities"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def in_order(kinds: Collection[Kind]) -> list[Kind]:
    return [kind for kind in KINDS if kind in kinds]


_MOST = 100
"""Topics or entities of one text."""
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1, max_length=2_000)]


def _lowered(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


class Sentiment(BaseModel):
    label: Annotated[Literal["positive", "negative", "neutral", "mixed"], BeforeValidator(_lowered)]
    score: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] = Field(description="From -1, wholly negative, to 1, wholly positive.")
    confidence: _Share


class Topic(BaseModel):
    name: _Text
    relevance: _Share


class Summary(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=20_000)]


class Intent(BaseModel):
    label: _Text = Field(description="What the writer wants, in a word or two: question, complaint, request, ...")
    confidence: _Share


class Entity(BaseModel):
    text: _Text = Field(description="As it stands in the text.")
    type: _Text = Field(description="person, organization, place, date, email, ...")


Topics = Annotated[list[Topic], Field(max_length=_MOST)]
Entities = Annotated[list[Entity], Field(max_length=_MOST)]
_CHECKS: Mapping[Kind, TypeAdapter[Any]] = {
    "sentiment": TypeAdapter(Sentiment),
    "topics": TypeAdapter(Topics),
    "summary": TypeAdapter(Summary),
    "intent": TypeAdapter(Intent),
    "entities": TypeAdapter(Entities),
}


class Unusable(Exception):
    """An answer that does not follow the schema. The text says what is wrong with it, for whoever wrote it."""


def _object(**properties: Any) -> dict[str, Any]:
    """Closed and with everything required, as the strictest providers want it."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_TEXT, _SHARE = {"type": "string"}, {"type": "number", "minimum": 0, "maximum": 1}
_SCHEMAS: Mapping[Kind, Mapping[str, Any]] = {
    "sentiment": _object(
        label={"type": "string", "enum": ["positive", "negative", "neutral", "mixed"]}, score={"type": "number", "minimum": -1, "maximum": 1}, confidence=_SHARE
    ),
    "topics": {"type": "array", "items": _object(name=_TEXT, relevance=_SHARE)},
    "summary": _object(text=_TEXT),
    "intent": _object(label=_TEXT, confidence=_SHARE),
    "entities": {"type": "array", "items": _object(text=_TEXT, type=_TEXT)},
}


def schema_of(kinds: Collection[Kind]) -> dict[str, Any]:
    return _object(**{kind: _SCHEMAS[kind] for kind in in_order(kinds)})


_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)
_MOST_ERRORS = 10


def findings_in(answer: str, kinds: Collection[Kind]) -> dict[str, Any]:
    """What each kind found, as JSON. The answer is a JSON object, alone or in a ```json fence. Raises Unusable."""
    fenced = _FENCED.search(answer)
    try:
        value: Any = msgspec.json.decode((fenced[1] if fenced else answer).strip())
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unusable("it is not JSON") from error
    found, wrong = dict[str, Any](), list[str]()
    for kind in in_order(kinds):
        try:
            found[kind] = _CHECKS[kind].dump_python(_CHECKS[kind].validate_python(field_of(value, kind)), mode="json")
        except ValidationError as error:
            wrong += [f"{'.'.join(map(str, (kind, *each['loc'])))}: {each['msg']}" for each in error.errors(include_url=False, include_input=False)]
    if wrong:
        raise Unusable("; ".join(wrong[:_MOST_ERRORS]))
    return found
