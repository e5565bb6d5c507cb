"""Actions as tools of agents: what is offered to whom, and what a call does for somebody who has not connected anything."""

import re
from collections.abc import Mapping
from uuid import UUID

import pytest

from parlor.core.ids import new_id
from parlor.tools.composio.catalogue import Catalogue
from parlor.tools.composio.connections import Connections
from parlor.tools.composio.definitions import definition_of, tool_name, visible
from parlor.tools.composio.source import ComposioToolSource
from parlor.tools.composio.tool import ComposioTool, Workshop
from parlor.tools.composio.wire import Action, Named
from parlor.tools.errors import ToolError
from parlor.tools.ports import Answered, Asked, ExecutionContext, InputRequired, Tool, ToolCaller
from tests.support.chat import Person
from tests.support.composio import ComposioServer, Trouble
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed
from tests.tools.composio.conftest import connect, finish, settings_for, until

TOOLKITS = {
    "tools.composio.toolkits": {
        "github": {"version": "20250901_00", "actions": ["*ISSUE*", "*_REPOSITORY"], "require_approval": ["*_DELETE_*"]},
        "gmail": {"groups": ["staff"], "require_approval": ["true"]},
        "weathermap": {},
    }
}
HELLO = {"title": "Hello"}


async def tools_of(house: ServedHouse, person: Person) -> Mapping[str, Tool]:
    """What that person is offered, once the server knows it."""
    source, catalogue = await house.get(ComposioToolSource), await house.get(Catalogue)
    await until(lambda: len(catalogue.known) == 3)
    return {each.tool.name: each.tool for each in await source.offered(caller_of(person))}


def caller_of(person: Person) -> ToolCaller:
    return ToolCaller(UUID(person.id))


def context_of(person: Person, **answers: Answered) -> ExecutionContext:
    return ExecutionContext(caller_of(person), "call_1", answers={f"composio:{name}": each for name, each in answers.items()})


async def asked_by(tool: Tool, context: ExecutionContext) -> Asked:
    with pytest.raises(InputRequired) as required:
        await tool.call(HELLO, context)
    assert required.value.asked.kind == "signin"
    return required.value.asked


async def error_of(tool: Tool, context: ExecutionContext) -> str:
    with pytest.raises(ToolError) as error:
        await tool.call(HELLO, context)
    return str(error.value)


async def test_what_is_offered_follows_the_settings_and_the_groups(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio, **TOOLKITS))
    source, catalogue = await house.get(ComposioToolSource), await house.get(Catalogue)
    await until(lambda: len(catalogue.known) == 3)
    before = len(composio.asked)

    async def offered(caller: ToolCaller) -> dict[str, bool]:
        found = await source.offered(caller)
        assert {each.origin for each in found} == {"composio"}
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each.tool.name) for each in found)
        return {each.tool.name: each.needs_approval for each in found}

    everybody = {"composio_github_create_issue": False, "composio_github_delete_a_repository": True, "composio_weathermap_weather": False}
    mail = {"composio_gmail_fetch_emails": True, "composio_gmail_send_email": True}
    assert await offered(ToolCaller(new_id())) == everybody
    assert await offered(ToolCaller(new_id(), frozenset({"staff"}))) == everybody | mail
    assert await offered(ToolCaller(new_id(), is_unlimited=True)) == everybody | mail
    assert composio.asked[before:] == []
    assert (await source.offered(ToolCaller(new_id())))[0] is (await source.offered(ToolCaller(new_id())))[0]


async def test_a_call_asks_to_sign_in_and_goes_on_when_that_is_done(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio, **TOOLKITS, **{"tools.composio.poll_seconds": 60}))
    ann = await house.person()
    tool = (await tools_of(house, ann))["composio_github_create_issue"]
    assert (tool.description, tool.parameters["type"]) == ("Does GITHUB_CREATE_ISSUE.", "object")
    asked = await asked_by(tool, context_of(ann))
    assert (asked.key, composio.executed) == ("composio:github", [])
    yes = context_of(ann, github=Answered(is_accepted=True))
    again = await asked_by(tool, yes)  # they said so, and have not been there
    assert again.url is not None
    await finish(again.url)
    # The watch looks in a minute: the call itself finds out.
    assert await tool.call(HELLO, yes) == {"canary": composio.accounts[composio.executed[0][0] or ""].canary, "echo": HELLO}
    assert composio.executed[0][3] == "20250901_00"


async def test_a_no_is_told_to_the_model(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio, **TOOLKITS))
    ann = await house.person()
    tool = (await tools_of(house, ann))["composio_github_create_issue"]
    assert await error_of(tool, context_of(ann, github=Answered(is_accepted=False))) == "The user does not want to connect github."
    assert composio.accounts == {}


async def test_a_connection_that_has_lapsed_is_asked_for_anew(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio, **TOOLKITS))
    ann = await house.person()
    connection_id = await connect(ann, composio, "github")
    tool = (await tools_of(house, ann))["composio_github_create_issue"]
    lapsed = composio.only_account()
    for status, ours in (("EXPIRED", "expired"), ("REVOKED", "revoked"), ("INACTIVE", "revoked")):
        composio.accounts[lapsed.id].status = status
        await asked_by(tool, context_of(ann))
        assert (await ann.client.get(f"/composio/connections/{connection_id}")).json()["status"] == ours
        connection_id = await connect(ann, composio, "github")
        lapsed = [*composio.accounts.values()][-1]
    del composio.accounts[lapsed.id]
    refused = await ann.client.post("/composio/tools/GITHUB_CREATE_ISSUE/execute", json={"arguments": {}})
    assert refused.json()["error"] == "This connection to github is deleted: connect again."
    assert composio.executed == []


async def test_what_goes_wrong_is_a_sentence_for_the_model(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio, **TOOLKITS, **{"tools.composio.failures": 100}))
    ann = await house.person()
    await connect(ann, composio, "github")
    tool = (await tools_of(house, ann))["composio_github_create_issue"]
    with pytest.raises(ToolError, match="The repository is archived"):
        await tool.call({"fails": True}, context_of(ann))
    for trouble, words in (
        (Trouble(status=500), "Nobody knows whether it was done"), (Trouble(status=429), "limits our requests"),
        (Trouble(status=401), "does not accept the key"), (Trouble(status=400), "It says: Something went wrong"),
        (Trouble(body="{"), "Nobody knows whether it was done"),
    ):  # fmt: skip
        composio.trouble = trouble
        trouble.where = "/execute/"
        before = composio.count("POST /api/v3.1/tools/execute")
        assert words in await error_of(tool, context_of(ann))
        assert composio.count("POST /api/v3.1/tools/execute") == before + 1


async def test_a_connection_of_somebody_else_is_never_used(open_served: OpenServed, composio: ComposioServer) -> None:
    """Even when a connection of somebody else, or of another toolkit, is handed to a tool, or Composio says that an account is another user's."""
    house = await open_served(settings=settings_for(composio, **TOOLKITS))
    ann, bob = await house.person(), await house.person()
    await connect(ann, composio, "github")
    (theirs,) = await (await house.get(Connections)).open_ones(UUID(ann.id))
    action = await (await house.get(Catalogue)).action("github", "GITHUB_CREATE_ISSUE")
    definition = definition_of(action)
    assert definition is not None
    pinned = ComposioTool(await house.get(Workshop), action, definition, pinned=theirs)
    assert "somebody else's" in await error_of(pinned, context_of(bob))
    begun = (await bob.client.post("/composio/connections/initiate", json={"toolkit": "github"})).json()
    account = [*composio.accounts.values()][-1]
    account.user_id, account.status = theirs.account_id.hex, "ACTIVE"
    assert (await bob.client.get(f"/composio/connections/{begun['connection_id']}")).json()["status"] == "failed"
    assert composio.executed == []


async def test_tools_come_when_composio_does(open_served: OpenServed, composio: ComposioServer) -> None:
    composio.trouble = Trouble(status=500, where="/tools", times=3)
    house = await open_served(settings=settings_for(composio, **TOOLKITS))
    ann = await house.person()
    assert set(await tools_of(house, ann)) == {"composio_github_create_issue", "composio_github_delete_a_repository", "composio_weathermap_weather"}


def test_names_fit_every_provider_and_no_two_are_alike() -> None:
    long = "GITHUB_" + "A_VERY_LONG_NAME_" * 8
    names = [tool_name(slug) for slug in ("GITHUB_CREATE_ISSUE", long + "ONE", long + "TWO", "ODD.NAME", "ODD NAME", "GÜT")]
    assert names[0] == "composio_github_create_issue"
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert len(set(names)) == len(names)


def test_descriptions_have_no_letters_that_nobody_sees() -> None:
    assert visible("Sends\u200b a \u202email\x00.\nTo one\U000e0041 person") == "Sends a mail.\nTo one person"


def test_a_schema_that_is_none_is_left_out() -> None:
    def made(schema: dict[str, object] | None) -> object:
        found = definition_of(Action(slug="X_Y", toolkit=Named("x"), input_parameters=schema))
        return None if found is None else found.parameters

    assert made(None) == {"type": "object", "properties": {}}
    assert made({"properties": {"a": {"type": "string"}}}) == {"type": "object", "properties": {"a": {"type": "string"}}}
    assert made({"type": "array"}) is None
    assert made({"type": "object", "properties": {"a": {"description": "x" * 200_000}}}) is None
