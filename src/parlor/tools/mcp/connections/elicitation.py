"""What a server wants to know of a person: pause, ask, run again.

A server's question is answered at once: with what a person has said to it before, or with `cancel`, and then the call ends as InputRequired and is run again
when there is an answer. So no call waits for a person, and nothing that was asked is lost with this process.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitRequestURLParams, ElicitResult

from parlor.core.outbound import Refused, parse_url
from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.cleaning import clean, cleaned
from parlor.tools.mcp.connections.exchange import Exchange
from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import Asked

_MOST_SCHEMA_BYTES = 64 * 1024
_MOST_TEXT_CHARS = 8000
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

CANCEL = ElicitResult(action="cancel")
DECLINE = ElicitResult(action="decline")


def answer(params: ElicitRequestParams, exchange: Exchange) -> ElicitResult:
    """What the server is told now. Without an answer of the person's the question is left in `exchange`; an improper one fails it."""
    try:
        question = question_of(params, exchange.spec, exchange.occurrences)
    except ToolError as improper:
        exchange.fail(improper)
        return DECLINE
    answered = exchange.answers.get(question.key)
    if answered is None:
        exchange.ask(question)
        return CANCEL
    if not answered.is_accepted:
        return DECLINE
    if isinstance(params, ElicitRequestURLParams):
        return ElicitResult(action="accept")
    return ElicitResult(action="accept", content=with_defaults(params.requested_schema, answered.form or {}))


def question_of(params: ElicitRequestParams, spec: ServerSpec, occurrences: dict[str, int]) -> Asked:
    """The question as a person is shown it. The key says the same for the same question of a repeated call: `occurrences` counts within one run.

    Raises ToolError for what nobody should be asked.
    """
    text = clean(params.message)[:_MOST_TEXT_CHARS]
    if isinstance(params, ElicitRequestURLParams):
        url = _checked(params.url, spec)
        # Not the URL: it may have a new number in it each time, and then the answer would never be found.
        return Asked("signin", text, _key("url", text, None, occurrences), url=url)
    schema = _checked_schema(params, spec)
    return Asked("form", text, _key("form", text, schema, occurrences), schema=schema)


def with_defaults(schema: Mapping[str, Any], form: Mapping[str, Any]) -> dict[str, Any]:
    """The form, with the schema's defaults for the fields that the person left out (SEP-1034)."""
    fields = cast(dict[str, dict[str, Any]], schema.get("properties") or {})
    defaults = {name: field["default"] for name, field in fields.items() if "default" in field}
    return {**defaults, **form}


def _checked(url: str, spec: ServerSpec) -> str:
    """An address for the person's browser, which nothing here opens (SEC-17)."""
    if not url.isascii() or not url.isprintable():
        raise ToolError(f"The server {spec.name} wants a page to be visited whose address cannot be read.")
    try:
        target = parse_url(url.partition("#")[0])
    except Refused as refused:
        raise ToolError(f"The server {spec.name} wants a page to be visited whose address cannot be used: {refused.detail}") from refused
    if target.scheme != "https" and not (spec.is_trusted and target.host in _LOOPBACK):
        raise ToolError(f"The server {spec.name} wants a page to be visited whose address is not https.")
    return url


def _checked_schema(params: ElicitRequestFormParams, spec: ServerSpec) -> dict[str, Any]:
    schema = cast(dict[str, Any], cleaned(params.requested_schema))
    fields = schema.get("properties")
    is_flat = isinstance(fields, dict) and all(
        isinstance(field, dict) and cast(dict[str, Any], field).get("type") != "object" for field in cast(dict[str, Any], fields).values()
    )
    if schema.get("type") != "object" or not is_flat or len(msgspec.json.encode(schema)) > _MOST_SCHEMA_BYTES:
        raise ToolError(f"The server {spec.name} asks with a form that cannot be shown.")
    return schema


def _key(kind: str, text: str, schema: Mapping[str, Any] | None, occurrences: dict[str, int]) -> str:
    content = msgspec.json.encode([kind, text, schema], order="deterministic")
    base = hashlib.sha256(content).hexdigest()[:24]
    occurrences[base] = number = occurrences.get(base, 0) + 1
    return f"{base}-{number}"
