"""What an analysis finds, kind by kind, and the JSON schema that a model is asked to follow."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from parlor.llm.fields import field_of
from parlor.llm.stateless.structured import Unusable, closed_object, faults_of, json_in

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


class TextEntity(BaseModel):
    text: _Text = Field(description="As it stands in the text.")
    type: _Text = Field(description="person, organization, place, date, email, ...")


Topics = Annotated[list[Topic], Field(max_length=_MOST)]
Entities = Annotated[list[TextEntity], Field(max_length=_MOST)]
_CHECKS: Mapping[Kind, TypeAdapter[Any]] = {
    "sentiment": TypeAdapter(Sentiment),
    "topics": TypeAdapter(Topics),
    "summary": TypeAdapter(Summary),
    "intent": TypeAdapter(Intent),
    "entities": TypeAdapter(Entities),
}


_TEXT, _SHARE = {"type": "string"}, {"type": "number", "minimum": 0, "maximum": 1}
_SCHEMAS: Mapping[Kind, Mapping[str, Any]] = {
    "sentiment": closed_object(
        label={"type": "string", "enum": ["positive", "negative", "neutral", "mixed"]}, score={"type": "number", "minimum": -1, "maximum": 1}, confidence=_SHARE
    ),
    "topics": {"type": "array", "items": closed_object(name=_TEXT, relevance=_SHARE)},
    "summary": closed_object(text=_TEXT),
    "intent": closed_object(label=_TEXT, confidence=_SHARE),
    "entities": {"type": "array", "items": closed_object(text=_TEXT, type=_TEXT)},
}


def schema_of(kinds: Collection[Kind]) -> dict[str, Any]:
    return closed_object(**{kind: _SCHEMAS[kind] for kind in in_order(kinds)})


def findings_in(answer: str, kinds: Collection[Kind]) -> dict[str, Any]:
    """What each kind found, as JSON. The answer is a JSON object, alone or in a ```json fence. Raises Unusable."""
    value = json_in(answer)
    found, wrong = dict[str, Any](), list[str]()
    for kind in in_order(kinds):
        try:
            found[kind] = _CHECKS[kind].dump_python(_CHECKS[kind].validate_python(field_of(value, kind)), mode="json")
        except ValidationError as error:
            wrong.append(faults_of(error, kind))
    if wrong:
        raise Unusable("; ".join(wrong))
    return found
