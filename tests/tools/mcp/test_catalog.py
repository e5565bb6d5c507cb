"""Which servers there are, and which of their tools are offered to whom. Servers are in memory, files and database real."""

import json
from uuid import uuid4

import pytest

from parlor.tools import Answered, ExecutionContext, InputRequired, ToolCaller, ToolError
from parlor.tools.mcp.catalog import HOUSE, McpServers
from parlor.tools.mcp.errors import NoSuchServer
from parlor.tools.mcp.specs import CallOutcome
from parlor.tools.mcp.states import ServerStates
from tests.support.tool_servers import MemoryAuthorizer, MemoryConnections, MemoryServer, tool
from tests.tools.mcp.conftest import OpenToolHouse, ToolHouse

STAFF = ToolCaller(uuid4(), frozenset({"staff"}))
ANYBODY = ToolCaller(uuid4())


def write_config(tools: OpenToolHouse | ToolHouse, **servers: object) -> None:
    (tools.folder / "mcp.json").write_text(json.dumps({"mcpServers": servers}))


def web(name: str, **more: object) -> dict[str, object]:
    return {"url": f"https://{name}.example.com/mcp", **more}


def memory(**servers: MemoryServer) -> MemoryConnections:
    return MemoryConnections(MemoryAuthorizer(), **servers)


def context(caller: ToolCaller, **answers: Answered) -> ExecutionContext:
    return ExecutionContext(caller, "call_1", answers=answers)


async def test_tools_of_servers_are_offered_to_those_whose_groups_they_are_kept_for(open_tools: OpenToolHouse) -> None:
    write_config(open_tools, web=web("web", require_approval=["delete_*"]), crm=web("crm", groups=["staff"]), off=web("off", disabled=True))
    tools = await open_tools(memory(web=MemoryServer([tool("search"), tool("delete_all")]), crm=MemoryServer([tool("find")]), off=MemoryServer([tool("x")])))
    assert await tools.offers() == {}  # nobody has asked the servers yet, and an offer asks none
    for name in ("web", "crm"):
        assert (await tools.look(name)).is_good
    assert list(await tools.offers(STAFF)) == ["crm_find", "web_delete_all", "web_search"]
    anybody = await tools.offers(ANYBODY)
    assert list(anybody) == ["web_delete_all", "web_search"]
    assert {name: offer.needs_approval for name, offer in anybody.items()} == {"web_delete_all": True, "web_search": False}
    assert {offer.origin for offer in anybody.values()} == {"mcp:web"}
    assert list(await tools.offers()) == ["crm_find", "web_delete_all", "web_search"]
    servers = await tools.get(McpServers)
    with pytest.raises(NoSuchServer):
        await servers.get("crm", ANYBODY)
    assert await servers.find("off", HOUSE) is None


async def test_a_call_goes_to_the_server_by_its_own_name_and_its_failure_is_a_tools_error(open_tools: OpenToolHouse) -> None:
    write_config(open_tools, web=web("web"))
    blocks = [{"type": "text", "text": "no such"}, {"type": "image", "media_type": "image/png", "data": "AAAA"}]
    server = MemoryServer([tool("find it"), tool("fail"), tool("draw")], {"fail": CallOutcome(blocks[:1], is_error=True), "draw": CallOutcome(blocks)})
    tools = await open_tools(memory(web=server))
    await tools.look("web")
    offers = await tools.offers(ANYBODY)
    assert await offers["web_find_it"].tool.call({"q": 1}, context(ANYBODY)) == {"q": 1}
    assert server.calls == [("find it", {"q": 1}, ANYBODY.account_id)]
    with pytest.raises(ToolError, match="no such"):
        await offers["web_fail"].tool.call({}, context(ANYBODY))
    assert await offers["web_draw"].tool.call({}, context(ANYBODY)) == blocks


async def test_a_server_that_does_not_answer_offers_nothing_until_it_does_again(open_tools: OpenToolHouse) -> None:
    write_config(open_tools, web=web("web"))
    server = MemoryServer([tool("search")])
    tools = await open_tools(memory(web=server))
    await tools.look("web")
    server.error = "the server has ended"
    assert (await tools.look("web")).error == "the server has ended"
    assert await tools.offers() == {}
    state = await (await tools.get(ServerStates)).of(await (await tools.get(McpServers)).get("web", HOUSE), HOUSE)
    assert (state.status, state.last_error, [each.status for each in state.tools]) == ("failed", "the server has ended", ["ok"])
    server.error = None
    await tools.look("web")
    assert list(await tools.offers()) == ["web_search"]


async def test_after_a_restart_trusted_tools_are_offered_before_the_server_was_asked(open_tools: OpenToolHouse) -> None:
    write_config(open_tools, web=web("web"))
    server = MemoryServer([tool("search")])
    await (await open_tools(memory(web=server))).look("web")
    again = await open_tools(memory(web=server))
    assert list(await again.offers()) == ["web_search"]
    assert server.listings == 1


async def test_a_list_that_changes_is_asked_for_by_whoever_listens(open_tools: OpenToolHouse) -> None:
    write_config(open_tools, web=web("web"))
    tools = await open_tools(memory(web=MemoryServer([tool("search")])))
    due: list[str] = []
    (await tools.get(McpServers)).on_due(lambda key, _: due.append(key))
    await tools.look("web")
    due.clear()
    tools.connections.say_changed("web")
    tools.connections.say_changed("unknown")
    assert due == ["web"]


async def test_where_each_user_signs_in_the_first_tool_leads_there_and_then_says_what_there_is(open_tools: OpenToolHouse) -> None:
    write_config(open_tools, mail=web("mail", auth="oauth"))
    tools = await open_tools(memory(mail=MemoryServer([tool("send"), tool("read")])))
    assert list(await tools.offers(STAFF)) == ["mail_sign_in"]
    sign_in = (await tools.offers(STAFF))["mail_sign_in"].tool
    with pytest.raises(InputRequired) as required:
        await sign_in.call({}, context(STAFF))
    assert (required.value.asked.kind, required.value.asked.url) == ("signin", "https://id.example.com/authorize")
    with pytest.raises(ToolError, match="does not want to sign in"):
        await sign_in.call({}, context(STAFF, **{required.value.asked.key: Answered(is_accepted=False)}))
    tools.authorizer.signed_in.add(("mail", STAFF.account_id))
    answered = await sign_in.call({}, context(STAFF, **{required.value.asked.key: Answered(is_accepted=True)}))
    assert answered["tools"] == ["read", "send"]
    assert list(await tools.offers(STAFF)) == ["mail_read", "mail_send"]
    # now that the tools are known nobody needs the way round: the call itself asks whoever has not signed in
    assert list(await tools.offers(ANYBODY)) == ["mail_read", "mail_send"]
    with pytest.raises(InputRequired):
        await (await tools.offers(ANYBODY))["mail_read"].tool.call({}, context(ANYBODY))


async def test_a_reload_finds_what_was_added_changed_and_removed_and_closes_what_is_old(open_tools: OpenToolHouse) -> None:
    write_config(open_tools, web=web("web"), old=web("old"))
    tools = await open_tools(memory(web=MemoryServer([tool("search")]), old=MemoryServer([tool("x")]), new=MemoryServer([tool("fresh")])))
    for name in ("web", "old"):
        await tools.look(name)
    servers = await tools.get(McpServers)
    write_config(tools, web=web("web", groups=["staff"]), new=web("new"))
    plugin = tools.folder / "plugins" / "bad"
    plugin.mkdir(parents=True)
    (plugin / "plugin.toml").write_text("nothing = 1")
    done = await servers.reload()
    assert (done.added, done.changed, done.removed) == (("bad", "new"), ("web",), ("old",))
    assert len(done.errors) == 1
    assert "plugin.toml" in done.errors[0]
    assert sorted(tools.connections.retired) == ["old", "web"]
    await servers.look_at(["new", "web", "bad"], 5)
    assert list(await tools.offers(STAFF)) == ["new_fresh", "web_search"]
    assert list(await tools.offers(ANYBODY)) == ["new_fresh"]


async def test_while_the_file_is_wrong_its_servers_stay_as_they_were(open_tools: OpenToolHouse) -> None:
    write_config(open_tools, web=web("web"))
    tools = await open_tools(memory(web=MemoryServer([tool("search")])))
    await tools.look("web")
    (tools.folder / "mcp.json").write_text("{")
    done = await (await tools.get(McpServers)).reload()
    assert (done.added, done.changed, done.removed, len(done.errors)) == ((), (), (), 1)
    assert list(await tools.offers()) == ["web_search"]


async def test_a_tool_of_a_server_that_was_changed_since_is_not_called(open_tools: OpenToolHouse) -> None:
    write_config(open_tools, web=web("web"))
    server = MemoryServer([tool("search")])
    tools = await open_tools(memory(web=server))
    await tools.look("web")
    offered = (await tools.offers(ANYBODY))["web_search"].tool
    write_config(tools, web=web("elsewhere"))
    await (await tools.get(McpServers)).reload()
    with pytest.raises(ToolError, match="has changed or removed this tool"):
        await offered.call({}, context(ANYBODY))
    assert server.calls == []
