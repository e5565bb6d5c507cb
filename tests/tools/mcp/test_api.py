"""/mcp/servers over HTTP. Servers are in memory; a name server that knows nobody does no harm, since addresses are looked at again when they are called."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from parlor.core.collected import Checks
from parlor.core.db import Database, statement
from parlor.core.health import Status
from parlor.tools import ToolCaller
from parlor.tools.mcp.catalog import McpServers
from parlor.tools.mcp.source import McpToolSource
from parlor.tools.mcp.user_data import McpUserData
from tests.support.administrators import administrator
from tests.support.chat import Person
from tests.support.house import ServedHouse, serve_house
from tests.support.tool_servers import MemoryAuthorizer, MemoryConnections, MemoryServer, in_memory, tool

SECRET = "Bearer s3cr3t-value-of-a-header"
WEB = {"name": "web", "url": "https://192.0.2.10/mcp"}
SETTINGS = {"outbound.allow": ["192.0.2.10", "192.0.2.11"], "tools.mcp.watch": False}

OpenMcp = Callable[..., Awaitable[tuple[ServedHouse, MemoryConnections]]]


@pytest.fixture
async def open_mcp(tmp_path: Path, database_url: str) -> Any:
    async with AsyncExitStack() as stack:

        async def open_it(**settings: Any) -> tuple[ServedHouse, MemoryConnections]:
            authorizer = MemoryAuthorizer()
            connections = MemoryConnections(authorizer, web=MemoryServer([tool("search")]), crm=MemoryServer([tool("find")]))
            (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"crm": {"url": "https://crm.example.com/mcp", "groups": ["staff"]}}}))
            given = {"settings": {**SETTINGS, **settings}, "providers": [in_memory(connections, authorizer)]}
            return await stack.enter_async_context(serve_house(tmp_path, database_url, **given)), connections

        yield open_it


def read(response: httpx2.Response, status: int = 200) -> Any:
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    return response.json() if response.content else None


def code_of(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def ready(person: Person, name: str, status: str = "ready") -> dict[str, Any]:
    """Once it has been looked at, which happens in the background."""
    async with asyncio.timeout(10):
        while (found := read(await person.client.get(f"/mcp/servers/{name}")))["status"] != status:  # noqa: ASYNC110  # a client has nothing else to wait for
            await asyncio.sleep(0.02)
    return found


async def test_an_administrator_adds_a_server_for_all_and_headers_are_never_shown(open_mcp: OpenMcp) -> None:
    house, _ = await open_mcp()
    admin, member = await administrator(house), await house.person()
    body = {**WEB, "headers": {"Authorization": SECRET}, "description": "The web", "require_approval": True, "timeout": 2_000}
    created = read(await admin.client.post("/mcp/servers", json=body), 201)
    assert (created["origin"], created["url"], created["header_names"], created["own"]) == ("api", WEB["url"], ["Authorization"], False)
    detail = await ready(admin, "web")
    assert [(each["name"], each["tool"], each["status"], each["parameters"]["type"]) for each in detail["tools"]] == [("web_search", "search", "ok", "object")]
    assert code_of(await admin.client.post("/mcp/servers", json=body)) == (409, "mcp.name_taken")
    assert code_of(await admin.client.post("/mcp/servers", json={**body, "name": "crm"})) == (409, "mcp.name_taken")

    seen = read(await member.client.get("/mcp/servers"))
    assert [(each["name"], each["url"], each["header_names"]) for each in seen["items"]] == [("web", None, [])]
    assert code_of(await member.client.get("/mcp/servers/crm")) == (404, "mcp.no_such_server")
    everything = [await person.client.get(path) for person in (admin, member) for path in ("/mcp/servers", "/mcp/servers/web")]
    assert not any(SECRET in each.text for each in everything)
    stored = statement(text("SELECT headers_sealed FROM mcp_servers").columns())
    rows = await (await house.get(Database)).read(lambda tx: tx.run(stored).all())
    assert len(rows) == 1
    assert SECRET.encode() not in bytes(rows[0][0])
    spec = await (await house.get(McpServers)).find("web", ToolCaller(UUID(member.id)))
    assert spec is not None
    assert (spec.headers, spec.is_trusted, spec.timeout_seconds, spec.require_approval) == ({"Authorization": SECRET}, False, 2, ("*",))


async def test_changing_a_server_keeps_its_headers_unless_it_moves_to_another_host(open_mcp: OpenMcp) -> None:
    house, connections = await open_mcp()
    admin, member = await administrator(house), await house.person()
    read(await admin.client.post("/mcp/servers", json={**WEB, "headers": {"X-Key": SECRET}}), 201)
    await ready(admin, "web")
    changed = read(await admin.client.patch("/mcp/servers/web", json={"description": "Search", "url": WEB["url"] + "/v2"}))
    assert (changed["description"], changed["url"], changed["header_names"]) == ("Search", WEB["url"] + "/v2", ["X-Key"])
    assert "web" in connections.retired
    moved = {"url": "https://192.0.2.11/mcp"}
    assert code_of(await admin.client.patch("/mcp/servers/web", json=moved)) == (422, "mcp.bad_headers")
    assert read(await admin.client.patch("/mcp/servers/web", json={**moved, "headers": {}}))["header_names"] == []
    assert read(await admin.client.patch("/mcp/servers/web", json={"enabled": False}))["status"] == "disabled"
    assert read(await member.client.get("/mcp/servers/web"))["tools"][0]["name"] is None
    assert read(await admin.client.patch("/mcp/servers/web", json={}))["enabled"] is False

    assert code_of(await admin.client.patch("/mcp/servers/crm", json={"description": "x"})) == (409, "mcp.server_from_file")
    assert code_of(await admin.client.delete("/mcp/servers/crm")) == (409, "mcp.server_from_file")
    for method, path in (("PATCH", "/mcp/servers/web"), ("DELETE", "/mcp/servers/web"), ("POST", "/mcp/servers/web/test"), ("POST", "/mcp/reload")):
        assert code_of(await member.client.request(method, path, json={} if method == "PATCH" else None)) == (403, "auth.administrators_only")
    for method, path in (("PATCH", "/mcp/servers/crm"), ("DELETE", "/mcp/servers/none"), ("POST", "/mcp/servers/crm/test")):
        assert code_of(await member.client.request(method, path, json={} if method == "PATCH" else None)) == (404, "mcp.no_such_server")
    assert (await admin.client.delete("/mcp/servers/web")).status_code == 204
    assert code_of(await admin.client.delete("/mcp/servers/web")) == (404, "mcp.no_such_server")


async def test_a_user_adds_their_own_only_where_the_operator_allows_it(open_mcp: OpenMcp) -> None:
    house, _ = await open_mcp()
    member = await house.person()
    assert code_of(await member.client.post("/mcp/servers", json=WEB)) == (403, "auth.administrators_only")


async def test_a_users_own_server_is_seen_and_used_by_nobody_else(open_mcp: OpenMcp) -> None:
    house, connections = await open_mcp(**{"tools.mcp.allow_user_servers": True})
    admin, owner, other = await administrator(house), await house.person(), await house.person()
    key = f"{owner.id}/web"
    connections.servers[key] = MemoryServer([tool("mine")])
    created = read(await owner.client.post("/mcp/servers", json={**WEB, "headers": {"X-Key": SECRET}, "groups": ["staff"]}), 201)
    assert (created["own"], created["groups"], created["header_names"]) == (True, [], ["X-Key"])
    await ready(owner, "web")
    source = await house.get(McpToolSource)
    offers = {person.id: [offer.tool.name for offer in await source.offered(ToolCaller(UUID(person.id)))] for person in (owner, other, admin)}
    assert offers == {owner.id: ["web_mine"], other.id: [], admin.id: []}
    for stranger in (other, admin):
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/tools/mine/approve")):
            body = {"hash": "0" * 64} if "approve" in path else {} if method == "PATCH" else None
            assert code_of(await stranger.client.request(method, f"/mcp/servers/web{path}", json=body)) == (404, "mcp.no_such_server")
        assert [each["name"] for each in read(await stranger.client.get("/mcp/servers"))["items"]] == (["crm"] if stranger is admin else [])
    tested = read(await owner.client.post("/mcp/servers/web/test"))
    assert (tested["ok"], tested["tools"], tested["error"]) == (True, ["mine"], None)

    connections.servers[key].tools = [tool("mine", "Another description.")]
    read(await owner.client.post("/mcp/servers/web/test"))
    shown = read(await owner.client.get("/mcp/servers/web"))["tools"][0]
    assert (shown["status"], shown["description"], shown["pending_description"]) == ("changed", "It does something.", "Another description.")
    assert code_of(await owner.client.post("/mcp/servers/web/tools/mine/approve", json={"hash": shown["approved_hash"]})) == (409, "mcp.definition_moved")
    approved = read(await owner.client.post("/mcp/servers/web/tools/mine/approve", json={"hash": shown["pending_hash"]}))
    assert approved == {"tool": "mine", "status": "ok", "approved_hash": shown["pending_hash"]}

    names = [f"n{number}" for number in range(19)]
    added = await asyncio.gather(*(owner.client.post("/mcp/servers", json={**WEB, "name": name}) for name in [*names, "over", "more"]))
    assert sorted(each.status_code for each in added) == [201] * 19 + [409, 409]
    assert {code_of(each)[1] for each in added if each.status_code == 409} == {"mcp.too_many_servers"}


async def test_what_a_person_has_is_exported_without_secrets_and_erased(open_mcp: OpenMcp) -> None:
    house, connections = await open_mcp(**{"tools.mcp.allow_user_servers": True})
    owner = await house.person()
    connections.servers[f"{owner.id}/web"] = MemoryServer([tool("mine")])
    read(await owner.client.post("/mcp/servers", json={**WEB, "headers": {"X-Key": SECRET}}), 201)
    await ready(owner, "web")
    user_data, account_id = await house.get(McpUserData), UUID(owner.id)
    exported = await user_data.export(account_id)
    assert [each["name"] for each in exported["mcp_servers"]] == ["web"]
    assert [each["tool"] for each in exported["mcp_tools"]] == ["mine"]
    assert SECRET not in str(exported)
    assert await user_data.erase(account_id) == 2
    assert await user_data.export(account_id) == {"mcp_servers": [], "mcp_tools": []}
    assert code_of(await owner.client.get("/mcp/servers/web")) == (404, "mcp.no_such_server")


async def test_reload_says_what_is_new_and_has_looked_at_it(open_mcp: OpenMcp, tmp_path: Path) -> None:
    house, connections = await open_mcp()
    admin = await administrator(house)
    await ready(admin, "crm")
    connections.servers["fresh"] = MemoryServer([tool("x")])
    servers = {"fresh": {"url": "https://fresh.example.com/mcp"}, "lost": {"url": "https://lost.example.com/mcp"}}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    assert read(await admin.client.post("/mcp/reload")) == {"added": ["fresh", "lost"], "changed": [], "removed": ["crm"], "errors": []}
    items = read(await admin.client.get("/mcp/servers"))["items"]
    assert [(each["name"], each["status"], each["last_error"]) for each in items] == [("fresh", "ready", None), ("lost", "failed", "lost cannot be reached")]
    member = await house.person()
    seen = read(await member.client.get("/mcp/servers"))["items"]
    assert seen[1]["last_error"] == "The server does not work now: ask an administrator."
    (tmp_path / "mcp.json").write_text("{")
    assert "cannot be read as JSON" in read(await admin.client.post("/mcp/reload"))["errors"][0]


async def test_a_server_that_says_that_its_list_has_changed_is_asked_again(open_mcp: OpenMcp) -> None:
    house, connections = await open_mcp()
    admin = await administrator(house)
    await ready(admin, "crm")
    connections.servers["crm"].tools.append(tool("more"))
    connections.say_changed("crm")
    async with asyncio.timeout(10):
        while len((await ready(admin, "crm"))["tools"]) < 2:  # noqa: ASYNC110  # a client has nothing else to wait for
            await asyncio.sleep(0.05)


async def test_health_is_degraded_while_an_operators_server_fails(open_mcp: OpenMcp) -> None:
    house, connections = await open_mcp()
    admin = await administrator(house)
    await ready(admin, "crm")
    before = read(await admin.client.get("/health/mcp"))
    assert (before["status"], before["details"]["active_servers"], before["details"]["failed_servers"]) == ("ok", 1, 0)
    connections.servers["crm"].error = "it is away"
    assert read(await admin.client.post("/mcp/servers/crm/test"))["error"] == "it is away"
    assert read(await admin.client.get("/mcp/servers/crm"))["status"] == "failed"
    after = await next(check for check in await house.get(Checks) if check.name == "mcp").look()
    assert (after.status, after.last_error, after.details["failed_servers"]) == (Status.DEGRADED, "crm: it is away", 1)
    assert after.details["servers"]["crm"]["breaker"] == "closed"


BAD_URLS = [
    "http://127.0.0.1/mcp", "http://localhost/mcp", "http://[::1]/mcp", "http://169.254.169.254/latest", "http://10.0.0.1/mcp", "http://[::ffff:127.0.0.1]/",
    "http://0x7f000001/", "http://127.1/", "ftp://example.com/", "file:///etc/passwd", "https://user:pass@example.com/mcp", "http://example.com\\@127.0.0.1/",
    "https://93.184.216.34:22/mcp", "javascript:alert(1)", "/mcp", "https://",
]  # fmt: skip


async def test_addresses_and_headers_that_must_not_be_are_refused_to_everybody(open_mcp: OpenMcp) -> None:
    house, _ = await open_mcp(**{"tools.mcp.allow_user_servers": True})
    people = [await administrator(house), await house.person()]
    for person in people:
        read(await person.client.post("/mcp/servers", json={**WEB, "name": f"mine-{person.id[-4:]}"}), 201)
        for url in BAD_URLS:
            assert code_of(await person.client.post("/mcp/servers", json={"name": "bad", "url": url})) == (422, "mcp.bad_url"), url
            assert code_of(await person.client.patch(f"/mcp/servers/mine-{person.id[-4:]}", json={"url": url})) == (422, "mcp.bad_url"), url
        for headers in ({"Host": "x"}, {"a b": "x"}, {"X": "a\r\nY: b"}, {"X": "é"}, {"X": " a"}, {"X": "1", "x": "2"}, {"Mcp-Session-Id": "1"}):
            body = {**WEB, "name": "bad", "headers": headers}
            assert (await person.client.post("/mcp/servers", json=body)).status_code == 422, headers
    for body in ({"name": "x"}, {"name": "a/b", "url": "https://example.com"}, {**WEB, "name": ""}, {**WEB, "require_approval": "x"}, {**WEB, "odd": 1}):
        assert (await people[0].client.post("/mcp/servers", json=body)).status_code == 422
