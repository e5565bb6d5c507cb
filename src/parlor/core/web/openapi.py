"""The OpenAPI document: every operation declares problem+json for its errors, and says who may call it."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from parlor.core.web import envelopes
from parlor.core.web.envelopes import Envelope
from parlor.core.web.problems import MEDIA_TYPE, Problem, described
from parlor.core.web.routing import scopes_of

_REF = "#/components/schemas/{model}"
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An access token."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "parlor_access",
        "description": "Set by `?cookie=true`, over https as `__Host-parlor_access`. What changes something then needs an `Origin` of ours.",
    },
    "key": {"type": "http", "scheme": "bearer", "description": "An API key (pk_...) with one of the scopes named, here or in the header X-API-Key."},
}
_METHODS = frozenset({"get", "put", "post", "delete", "patch", "options", "head", "trace"})


def openapi(app: FastAPI, description: str) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=description, routes=app.routes)
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    others: Sequence[Envelope] = getattr(app.state, "error_envelopes", ())
    for each in (Problem, *(envelope.schema for envelope in others)):
        schema = each.model_json_schema(ref_template=_REF)
        schemas.update(schema.pop("$defs", {}))
        schemas[each.__name__] = schema
    scopes = {(route.path_format, method.lower()): scopes_of(route) for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in _METHODS:
                _declare(operation, scopes.get((path, method), ()))
                if envelope := envelopes.envelope_of(path, others):
                    _put_into(envelope, operation)
    document["components"]["securitySchemes"] = _SCHEMES
    return document


def _declare(operation: dict[str, Any], scopes: Sequence[str]) -> None:
    responses: dict[str, Any] = operation["responses"]
    for each in responses.values():
        # FastAPI calls every reply that is no JSON a string; for events a schema would be that of each event.
        if "text/event-stream" in each.get("content", {}):
            each["content"]["text/event-stream"] = {}
    validation = responses.get("422", {}).get("content", {})
    if "application/json" in validation or "requestBody" in operation or "parameters" in operation:
        declared = responses.get("422", {})
        text = declared.get("description", "") if "application/json" not in validation else ""
        responses["422"] = described(text if text and text != "Validation Error" else "Invalid: `errors` names the fields")
    responses.setdefault("default", described("Any other refusal"))
    if operation.get("x-access") != "public":
        operation["security"] = [{"bearer": []}, {"cookie": []}, *({"key": [scope]} for scope in scopes)]
        operation["description"] = "\n\n".join(filter(None, [operation.get("description"), _who_may(scopes)]))
        responses.setdefault("401", described("Not signed in: `auth.unauthenticated`"))
        refusals = ["auth.scope_missing" if scopes else "auth.key_not_allowed", "auth.cross_origin", "auth.suspended"]
        _add_codes(responses, "403", "Not allowed", refusals)


def _put_into(envelope: Envelope, operation: dict[str, Any]) -> None:
    for each in operation["responses"].values():
        if MEDIA_TYPE in each.get("content", {}):
            each["content"] = {envelopes.MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=envelope.schema.__name__)}}}


def _who_may(scopes: Sequence[str]) -> str:
    return f"API keys need the scope {' or '.join(f'`{each}`' for each in scopes)}." if scopes else "Closed to API keys."


def _add_codes(responses: dict[str, Any], status: str, title: str, codes: Sequence[str]) -> None:
    """To those that the route itself declares."""
    said = responses.get(status, {}).get("description", "").removeprefix(f"{title}: ")
    responses[status] = described(f"{title}: " + ", ".join([*filter(None, [said]), *(f"`{code}`" for code in codes if code not in said)]))
