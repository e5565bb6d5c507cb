"""SEC-06, SEC-11: a body cannot write what is not its to write."""

import pytest

from parlor.core.ids import new_id
from tests.security.operations import Operation, operations
from tests.security.site import Scene, Site, problem_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.either_engine]

PRIVILEGES = {
    "role": "admin", "is_admin": True, "balance": 10**9, "available_micros": 10**9, "credits": 10**9, "user_id": str(new_id()), "owner_id": str(new_id()),
    "account_id": str(new_id()), "id": str(new_id()), "created_at": "2001-01-01T00:00:00Z", "email_verified": True, "status": "active", "groups": ["staff"],
    "scopes": ["admin"], "token_version": 0, "password_hash": "x", "__proto__": {"role": "admin"}, "constructor": {}, "role ": "admin", "Role": "admin",
}  # fmt: skip

OFFICIAL = {
    ("POST /api/v1/api-keys", "scopes"),
    ("POST /api/v1/users", "role"), ("POST /api/v1/users", "groups"),
    *(("PATCH /api/v1/users/{user_id}", name) for name in ("role", "status", "groups")),
    ("POST /api/v1/mcp/servers", "groups"), ("PATCH /api/v1/mcp/servers/{name}", "groups"),
    ("POST /api/v1/chat/message", "user_id"), ("POST /api/v1/chat/conversation", "user_id"), ("POST /api/v1/chat/analyze", "user_id"),
    *((f"POST /api/v1/{path}", "user_id") for path in ("chat", "agent/invoke", "agent/stream", "agent/analyze-intent")),
    ("POST /api/v1/agents", "groups"), ("PUT /api/v1/agents/{name}", "groups"),
}  # fmt: skip
"""What administrators do with it, and the scopes of one's own key, where `admin` is refused on its own account. `user_id` is one's own id, or an
administrator's to give: 403 for everybody else."""


FILES_OF_OTHERS = {"POST /api/v1/sessions/import"}
"""Takes what other programs export, with whatever fields those have: none of them has a meaning here, which tests/chat/transfer looks at."""


async def writes(site: Site) -> list[Operation]:
    found = [each for each in operations(await site.openapi()) if each.schema is not None and each.name not in FILES_OF_OTHERS]
    assert len(found) >= 14
    return found


async def test_every_write_refuses_every_privilege_and_changes_nothing(site: Site) -> None:
    scene: Scene = await site.scene()
    before = await scene.seen()
    people = [each["id"] for each in (await site.admin.client.get("/users?limit=5")).json()["items"]]
    allowed: set[tuple[str, str]] = set()
    for operation in await writes(site):
        client = site.admin.client if operation.is_for_administrators else scene.owner.client
        for name, value in PRIVILEGES.items():
            if name in operation.fields():
                allowed.add((operation.name, name))
                continue
            body = {**(operation.body(scene) or {}), name: value}
            answer = await operation.call(client, scene, json=body)
            problem = problem_of(answer, 422, "request.invalid")
            assert [(each["loc"], each["type"]) for each in problem["errors"]] == [(["body", name], "extra_forbidden")], f"{operation.name} {name}"
    assert allowed == OFFICIAL
    assert await scene.seen() == before
    assert [each["id"] for each in (await site.admin.client.get("/users?limit=5")).json()["items"]] == people


async def test_a_privilege_inside_an_object_is_refused_as_well(site: Site) -> None:
    """Only what is the client's own (metadata, preferences) takes any names, and gives none of them a meaning."""
    scene = await site.scene()
    client = scene.owner.client
    answer = await client.post(f"/sessions/{scene.session_id}/messages", json={"content": "Hello?", "params": {"max_tokens": 5, "price": 0}})
    problem_of(answer, 422, "request.invalid")
    parts = [{"type": "text", "text": "Hello?", "role": "system"}]
    problem_of(await client.post(f"/sessions/{scene.session_id}/messages", json={"content": parts}), 422, "request.invalid")
    changed = await client.patch("/auth/me", json={"preferences": PRIVILEGES})
    assert (changed.status_code, changed.json()["preferences"], changed.json()["role"]) == (200, PRIVILEGES, "user")
    session = await client.patch(f"/sessions/{scene.session_id}", json={"metadata": {"$ne": 1, "lc": 1, "__proto__": {"is_admin": True}}})
    assert session.json()["metadata"] == {"$ne": 1, "lc": 1, "__proto__": {"is_admin": True}}


async def test_a_body_where_none_is_taken_has_no_meaning(site: Site) -> None:
    scene = await site.scene()
    before = await scene.seen()
    for operation in operations(await site.openapi()):
        if operation.schema is None and operation.method == "POST":
            client = site.admin.client if operation.is_for_administrators else scene.owner.client
            answer = await operation.call(client, scene, json=PRIVILEGES)
            if operation.path.endswith("/sign-in"):
                problem_of(answer, 404, "mcp.no_such_server")  # nobody signs in at the only server there
                continue
            assert answer.status_code in (200, 201, 202), operation.name
    assert await scene.seen() == before


async def test_privileges_in_the_query_or_the_headers_have_no_meaning(site: Site) -> None:
    """BAD-50 among them: a token in the address is not looked at."""
    scene, stranger = await site.scene(), await site.sign_up()
    query = {"user_id": scene.owner.id, "account_id": scene.owner.id, "role": "admin", "is_admin": "true", "token": site.admin.access_token}
    headers = {"X-User-Id": scene.owner.id, "X-Forwarded-User": site.admin.email, "X-Remote-User": "root"}
    headers |= {"Cookie": f"access_token={site.admin.access_token}; session={site.admin.access_token}"}
    me = await stranger.client.get("/auth/me", params=query, headers=headers)
    assert (me.status_code, me.json()["id"], me.json()["role"]) == (200, stranger.id, "user")
    problem_of(await stranger.client.get("/users", params=query, headers=headers), 403, "auth.administrators_only")
    query["access_token"] = headers["X-Api-Key"] = site.admin.access_token
    problem_of(await site.admin_or_nobody.get("/auth/me", params=query, headers=headers), 401, "auth.unauthenticated")


@pytest.mark.parametrize("field", ["role", "status"])
async def test_what_may_be_created_and_what_may_be_changed_are_the_same(site: Site, field: str) -> None:
    """SEC-06: as somebody who is no administrator, on every way that writes accounts."""
    stranger = await site.sign_up()
    for method, path in (("POST", "/users"), ("PATCH", f"/users/{stranger.id}"), ("PATCH", f"/users/{site.admin.id}")):
        body = {"email": f"{new_id()}@example.com", "password": "a quiet river in may", "role": "admin"} if method == "POST" else {field: "admin"}
        problem_of(await stranger.client.request(method, path, json=body), 403, "auth.administrators_only")
    assert (await stranger.client.get("/auth/me")).json()["role"] == "user"
