"""The OpenAPI document: every operation declares problem+json for its errors, and says who may call it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from parlor.core.web.problems import Problem, described

_REF = "#/components/schemas/{model}"
_METHODS = frozenset({"get", "put", "post", "delete", "patch", "options", "head", "trace"})


def openapi(app: FastAPI, description: str) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=description, routes=app.routes)
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template=_REF)
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in _METHODS:
                _declare(operation)
    document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "description": "An access token, or an API key (pk_...)."}}
    return document


def _declare(operation: dict[str, Any]) -> None:
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
        operation.setdefault("security", [{"bearer": []}])
        responses.setdefault("401", described("Not signed in: `auth.unauthenticated`"))
