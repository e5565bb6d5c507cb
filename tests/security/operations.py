"""What the OpenAPI document says can be called, with a body that each operation takes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from parlor.core.ids import new_id
from tests.security.site import Scene
from tests.support.chat import PASSWORD

METHODS = ("get", "put", "post", "delete", "patch")

IMPORTABLE: Mapping[str, Any] = {
    "format": "parlor.session",
    "version": 1,
    "session": {"title": "Brought along"},
    "messages": [{"id": "1", "parent_id": None, "role": "user", "parts": [{"type": "text", "text": "Hello?"}]}],
}

Bodies = Mapping[str, Callable[[Scene], dict[str, Any]]]

SAMPLES: Bodies = {
    "register": lambda scene: {"email": f"{new_id()}@example.com", "password": PASSWORD},
    "login": lambda scene: {"login": scene.owner.email, "password": PASSWORD},
    "google": lambda scene: {"id_token": "x.y.z"},
    "setup": lambda scene: {"token": "x" * 43, "email": "second@example.com", "password": PASSWORD},
    "refresh": lambda scene: {"refresh_token": "rt_" + "x" * 43},
    "logout": lambda scene: {"refresh_token": "rt_" + "x" * 43},
    "password": lambda scene: {"current_password": "not the one", "new_password": "another quiet river"},
    "verify-email": lambda scene: {"token": "x" * 43},
    "forgot": lambda scene: {"email": scene.owner.email},
    "reset": lambda scene: {"token": "x" * 43, "password": "another quiet river"},
    "fork": lambda scene: {"message_id": scene.answer_id},
    "regenerate": lambda scene: {"message_id": scene.answer_id},
    "messages": lambda scene: {"content": "Tell me more."},
    "chat": lambda scene: {"message": "Hello?"},
    "invoke": lambda scene: {"message": "Hello?"},
    "analyze-intent": lambda scene: {"message": "Hello?", "model": "parlor/offline"},
    "stream": lambda scene: {"message": "Hello?"},
    "message": lambda scene: {"message": "Hello?"},
    "conversation": lambda scene: {"messages": [{"role": "user", "content": "Hello?"}]},
    "analyze": lambda scene: {"text": "A quiet place", "kinds": ["intent"], "model": "parlor/offline"},
    "notes": lambda scene: {"notes": "Milk, bread"},
    "/api/v1/vouchers": lambda scene: {"amount_micros": 5},
    "/api/v1/wallet/vouchers": lambda scene: {"code": "0000-0000-0000-0000"},
    "grants": lambda scene: {"amount_micros": 5, "reference": str(new_id())},
    "refunds": lambda scene: {"turn_id": scene.turn_id, "reference": str(new_id())},
    "prices": lambda scene: {"model": "parlor/offline", "input_micros_per_mtok": 1_000_000, "output_micros_per_mtok": 3_000_000},
    "api-keys": lambda scene: {"name": "nightly report"},
    "{api_key_id}": lambda scene: {"name": "weekly report"},
    "initiate": lambda scene: {"toolkit": "github"},
    "initiate-enhanced": lambda scene: {"toolkit": "github"},
    "auth-configs": lambda scene: {"toolkit": "github"},
    "call": lambda scene: {"arguments": {"expression": "1+1"}},
    "{question_id}": lambda scene: {"decision": "approve"},
    "servers": lambda scene: {"name": f"s{new_id()}", "url": "https://93.184.216.34/mcp", "enabled": False},
    "approve": lambda scene: {"hash": "0" * 64},
    "agents": lambda scene: {"name": f"a{new_id()}", "system_prompt": "Rhyme."},
    "/api/v1/agents/{name}": lambda scene: {"system_prompt": "Rhyme."},
    "customizations": lambda scene: {"agent_name": "assistant", "mode": "append", "content": "Talk of rivers."},
    "{customization_id}": lambda scene: {"agent_name": "assistant", "mode": "append", "content": "Talk of lakes."},
    "users": lambda scene: {"email": f"{new_id()}@example.com", "password": PASSWORD},
}
"""By the path or its last word, for bodies with fields that are required. The others take an empty object."""


_COMPOSIO = {"toolkit": "github", "slug": "GITHUB_CREATE_ISSUE", "connection_id": str(new_id())}
"""It is off, so that there is no connection of anybody."""


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    parameters: Mapping[str, Mapping[str, Any]]
    """Of path and query, by name."""
    schema: Mapping[str, Any] | None
    """Of the body, with references resolved at its top."""
    is_public: bool
    takes_files: bool = False
    """Its body is a file of somebody's, in whatever form that is: what it makes of nonsense is looked at where it is tested."""
    needs_body: bool = False
    """Without it the call makes no sense. Another body may be left out, or null."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_for_administrators(self) -> bool:
        if any(part in self.path for part in ("/mcp/servers", "/mcp/reload")):
            return self.method != "GET" and not self.path.endswith("/sign-in")
        return any(part in self.path for part in ("/users", "/admin/", "/prices", "/api/v1/usage", "/api/v1/vouchers", "/auth-configs"))

    def fields(self) -> Mapping[str, Any]:
        return (self.schema or {}).get("properties", {})

    def body(self, scene: Scene) -> dict[str, Any] | None:
        if self.schema is None:
            return None
        if self.takes_files:
            return dict(IMPORTABLE)
        make = SAMPLES.get(self.path) or SAMPLES.get(self.path.rpartition("/")[2])
        return make(scene) if make and set(make(scene)) <= set(self.fields()) else {}

    def url(self, scene: Scene, **other: str) -> str:
        name = "weather" if "/mcp/" in self.path else "assistant" if "/agents/" in self.path else "calculator"
        values = {"component": "database", "model": "parlor/offline", "name": name, "tool": "forecast", "server": "notes", "question_id": scene.answer_id}
        values |= {"token": "sh_" + "x" * 43}
        values |= {**_COMPOSIO, **scene.ids, **other}
        query = {"q": "weather"} if self.path.endswith("/search") else {}
        query |= {name: value for name, value in other.items() if f"{{{name}}}" not in self.path}
        return self.path.format(**values) + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")

    async def call(self, client: httpx2.AsyncClient, scene: Scene, **more: Any) -> httpx2.Response:
        return await client.request(self.method, root_of(client) + self.url(scene), **({"json": self.body(scene)} | more if self.schema else more))


def root_of(client: httpx2.AsyncClient) -> str:
    return str(client.base_url).partition("/api/")[0]


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if operation := methods.get(method):
                parameters = {each["name"]: each["schema"] for each in operation.get("parameters", ()) if each["in"] in ("path", "query")}
                content = operation.get("requestBody", {}).get("content", {})
                schema = resolved(document, content["application/json"]["schema"]) if content else None
                yield Operation(
                    method.upper(),
                    path,
                    parameters,
                    schema,
                    is_public=operation.get("x-access") == "public",
                    takes_files="multipart/form-data" in content,
                    needs_body=operation.get("requestBody", {}).get("required", False),
                )


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while reference := schema.get("$ref"):
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    return schema


def is_id(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "uuid" or any(is_id(each) for each in schema.get("anyOf", ()))
