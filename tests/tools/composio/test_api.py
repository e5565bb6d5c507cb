"""Composio over HTTP, as users and administrators call it."""

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest

from parlor.core.events import Events, Subscriber
from parlor.core.ids import new_id
from parlor.tools.composio.connections import user_id_of
from tests.support.administrators import administrator
from tests.support.chat import Person
from tests.support.composio import API_KEY, VERSION, ComposioServer, Trouble
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed
from tests.tools.composio.conftest import connect, finish, settings_for, until

CALLBACKS = [
    "https://evil.example/x",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "http://127.0.0.1@evil.example/",
    "https://app.example.com.evil/",
]


ON_ONE = pytest.mark.parametrize("engine", ["sqlite"])
"""What asks nothing of the database that others have not asked of both."""


def problem(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def execute(person: Person, slug: str, arguments: dict[str, Any] | None = None, **more: Any) -> httpx2.Response:
    return await person.client.post(f"/composio/tools/{slug}/execute", json={"arguments": arguments or {}, **more})


async def test_somebody_connects_executes_and_disconnects(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio))
    told: list[Any] = []
    (await house.get(Events)).bind([Subscriber("test.listener", "*", lambda _, event: told.append(event), inside=True)])
    ann = await house.person()
    toolkits = (await ann.client.get("/composio/toolkits")).json()
    assert next((each["slug"], each["no_auth"], each["version"]) for each in toolkits["items"]) == ("github", False, VERSION)
    actions = (await ann.client.get("/composio/toolkits/github/actions")).json()["items"]
    assert (actions[0]["slug"], actions[0]["tool"], actions[0]["description"]) == (
        "GITHUB_CREATE_ISSUE", "composio_github_create_issue", "Does GITHUB_CREATE_ISSUE.",
    )  # fmt: skip

    begun = await ann.client.post("/composio/connections/initiate", json={"toolkit": "github", "callback_url": "/done?x=1"})
    assert (begun.status_code, begun.json()["status"]) == (201, "initiated")
    account = composio.only_account()
    assert (account.user_id, ann.email in account.user_id) == (user_id_of(UUID(ann.id)), False)
    assert account.callback_url is not None
    assert account.callback_url.endswith("/done?x=1")
    path = f"/composio/connections/{begun.json()['connection_id']}"
    assert (await ann.client.get(path)).json()["status"] == "initiated"
    await finish(begun.json()["redirect_url"])
    read = (await ann.client.get(path)).json()
    assert (read["status"], read["toolkit"], read["auth_config_id"]) == ("active", "github", account.auth_config["id"])
    assert [(each.name, str(each.account_id)) for each in told if each.name.startswith("composio.")] == [("composio.connection_active", ann.id)]

    done = (await execute(ann, "github_create_issue", {"title": "Hello"})).json()
    assert (done["result"], done["error"]) == ({"canary": account.canary, "echo": {"title": "Hello"}}, None)
    assert done["took_ms"] >= 0
    assert [(each.tool, each.origin, each.state) for each in told if each.name == "tool.executed"] == [("composio_github_create_issue", "composio", "done")]
    assert composio.executed == [(account.id, account.user_id, "GITHUB_CREATE_ISSUE", VERSION)]
    failed = (await execute(ann, "GITHUB_CREATE_ISSUE", {"fails": True}, connection_id=read["id"])).json()
    assert (failed["result"], failed["error"]) == (None, "The repository is archived")

    assert [each["id"] for each in (await ann.client.get("/composio/connections")).json()["items"]] == [read["id"]]
    assert (await ann.client.delete(path)).status_code == 204
    assert problem(await ann.client.get(path)) == (404, "composio.no_such_connection")
    assert problem(await execute(ann, "GITHUB_CREATE_ISSUE")) == (409, "composio.not_connected")
    await until(lambda: composio.accounts == {})


async def test_the_watch_finds_out_what_became_of_a_sign_in(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio))
    ann = await house.person()
    for ending, status in (("", "active"), ("?deny=1", "failed")):
        begun = (await ann.client.post("/composio/connections/initiate-enhanced", json={"toolkit": "gmail"})).json()
        await finish(begun["redirect_url"] + ending)

        async def listed(begun: dict[str, Any] = begun, status: str = status) -> bool:
            found = (await ann.client.get("/composio/connections")).json()["items"]
            return {each["id"]: each["status"] for each in found}[begun["connection_id"]] == status

        await until(listed)
    assert len(composio.auth_configs) == 1


async def test_what_is_not_finished_in_time_expires(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio, **{"tools.composio.watch_seconds": 1}))
    ann = await house.person()
    begun = (await ann.client.post("/composio/connections/initiate", json={"toolkit": "gmail"})).json()

    async def is_expired() -> bool:
        return (await ann.client.get(f"/composio/connections/{begun['connection_id']}")).json()["status"] == "expired"

    await until(is_expired)


async def test_nothing_is_sent_without_a_connection_of_ones_own(open_served: OpenServed, composio: ComposioServer) -> None:
    """SEC-16: at Composio the first account of whoever would do."""
    house = await open_served(settings=settings_for(composio))
    ann, bob = await house.person(), await house.person()
    connection_id = await connect(ann, composio, "github")
    await until(lambda: composio.count("GET /api/v3.1/toolkits") > 0)
    before = len(composio.asked)
    assert problem(await execute(bob, "GITHUB_CREATE_ISSUE")) == (409, "composio.not_connected")
    assert problem(await execute(bob, "GITHUB_CREATE_ISSUE", connection_id=connection_id)) == (404, "composio.no_such_connection")
    assert problem(await execute(ann, "GMAIL_SEND_EMAIL")) == (409, "composio.not_connected")
    assert problem(await execute(ann, "GMAIL_SEND_EMAIL", connection_id=connection_id)) == (409, "composio.not_connected")
    assert problem(await execute(ann, "../../auth_configs"))[0] in (404, 405)
    assert problem(await bob.client.get(f"/composio/connections/{connection_id}")) == (404, "composio.no_such_connection")
    assert problem(await bob.client.delete(f"/composio/connections/{connection_id}")) == (404, "composio.no_such_connection")
    assert (await bob.client.get("/composio/connections")).json()["items"] == []
    assert composio.asked[before:] == []
    assert (await execute(ann, "GITHUB_CREATE_ISSUE")).json()["error"] is None


@ON_ONE
async def test_what_needs_no_connection_is_executed_without_one(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    house = await open_served(settings=settings_for(composio))
    ann = await house.person()

    async def knows() -> bool:
        return (await execute(ann, "WEATHERMAP_WEATHER")).status_code == 200

    await until(knows)
    composio.actions |= {"WEATHERMAP_MY_PLACES": "weathermap", "WEATHERMAP_MAIL": "gmail"}
    composio.private.add("WEATHERMAP_MY_PLACES")
    for slug in ("WEATHERMAP_MY_PLACES", "WEATHERMAP_MAIL"):  # by their names they belong to a toolkit that needs none
        assert problem(await execute(ann, slug)) == (409, "composio.not_connected")
    assert composio.executed == [(None, user_id_of(UUID(ann.id)), "WEATHERMAP_WEATHER", VERSION)]


@ON_ONE
async def test_only_the_operators_toolkits_and_actions_are_open(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    toolkits = {
        "github": {"version": "20250901_00", "actions": ["github_*issue*"], "auth_config_id": composio.add_auth_config("github")["auth_config"]["id"]},
        "gmail": {"groups": ["staff"]},
    }
    house = await open_served(settings=settings_for(composio, **{"tools.composio.toolkits": toolkits}))
    ann, admin = await house.person(), await administrator(house)
    assert [each["slug"] for each in (await ann.client.get("/composio/toolkits")).json()["items"]] == ["github"]
    assert [each["slug"] for each in (await admin.client.get("/composio/toolkits?limit=1")).json()["items"]] == ["github"]
    assert [each["slug"] for each in (await admin.client.get("/composio/toolkits")).json()["items"]] == ["github", "gmail"]
    assert [each["slug"] for each in (await ann.client.get("/composio/toolkits/github/actions")).json()["items"]] == ["GITHUB_CREATE_ISSUE"]
    for toolkit in ("gmail", "weathermap"):
        assert problem(await ann.client.get(f"/composio/toolkits/{toolkit}/actions")) == (404, "composio.no_such_toolkit")
        assert problem(await ann.client.post("/composio/connections/initiate", json={"toolkit": toolkit})) == (404, "composio.no_such_toolkit")
    other = composio.add_auth_config("github")["auth_config"]["id"]
    asked = {"toolkit": "github", "auth_config_id": other}
    assert problem(await ann.client.post("/composio/connections/initiate", json=asked)) == (422, "composio.no_such_auth_config")
    assert (await admin.client.post("/composio/connections/initiate", json=asked)).status_code == 201
    await connect(ann, composio, "github")
    assert problem(await execute(ann, "GITHUB_DELETE_A_REPOSITORY")) == (404, "composio.no_such_action")
    assert (await execute(ann, "GITHUB_CREATE_ISSUE")).json()["error"] is None
    assert composio.executed[-1][2:] == ("GITHUB_CREATE_ISSUE", "20250901_00")


@ON_ONE
async def test_auth_configs_are_for_administrators_and_have_no_credentials(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    house = await open_served(settings=settings_for(composio))
    ann, admin = await house.person(), await administrator(house)
    secret = "the secret of our own app"
    custom = {"toolkit": "github", "auth_scheme": "OAUTH2", "credentials": {"client_id": "us", "client_secret": secret}}
    assert problem(await ann.client.post("/composio/auth-configs", json=custom)) == (403, "auth.administrators_only")
    made = await admin.client.post("/composio/auth-configs", json=custom)
    assert (made.status_code, made.json()["is_composio_managed"]) == (201, False)
    assert composio.auth_configs[made.json()["id"]]["credentials"] == {"client_id": "us", "client_secret": secret}
    assert (await admin.client.post("/composio/auth-configs", json={"toolkit": "gmail"})).json()["is_composio_managed"] is True
    listed = await admin.client.get("/composio/auth-configs")
    assert [each["toolkit"] for each in listed.json()["items"]] == ["github", "gmail"]
    assert secret not in listed.text + made.text
    assert len((await admin.client.get("/composio/auth-configs?toolkit=gmail")).json()["items"]) == 1
    assert problem(await admin.client.post("/composio/auth-configs", json={"toolkit": "nothing"})) == (404, "composio.no_such_toolkit")
    assert problem(await ann.client.post("/composio/connections/initiate", json={"toolkit": "weathermap"})) == (422, "composio.refused")


@ON_ONE
async def test_pages_go_on_with_cursors_of_their_list(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    composio.page = 2
    house = await open_served(settings=settings_for(composio))
    ann = await house.person()
    first = (await ann.client.get("/composio/toolkits")).json()
    second = (await ann.client.get(f"/composio/toolkits?cursor={first['next_cursor']}")).json()
    assert [each["slug"] for page in (first, second) for each in page["items"]] == ["github", "gmail", "weathermap"]
    assert second["next_cursor"] is None
    assert problem(await ann.client.get(f"/composio/toolkits/github/actions?cursor={first['next_cursor']}")) == (400, "request.bad_cursor")
    begun = [(await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"})).json()["connection_id"] for _ in range(3)]
    page = (await ann.client.get("/composio/connections?limit=2")).json()
    rest = (await ann.client.get(f"/composio/connections?cursor={page['next_cursor']}")).json()
    assert [each["id"] for each in (*page["items"], *rest["items"])] == begun[::-1]


@ON_ONE
async def test_a_browser_is_sent_nowhere_else(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    house = await open_served(settings=settings_for(composio, **{"server.cors_origins": ["https://app.example.com"]}))
    ann = await house.person()
    for url in CALLBACKS:
        refused = await ann.client.post("/composio/connections/initiate", json={"toolkit": "github", "callback_url": url})
        assert problem(refused) == (422, "composio.unsafe_callback"), url
    assert composio.count("POST") == 0
    for url in ("https://app.example.com/settings", "/back"):
        assert (await ann.client.post("/composio/connections/initiate", json={"toolkit": "github", "callback_url": url})).status_code == 201
    for body in ({}, {"toolkit": "Git Hub"}, {"toolkit": "../x"}, {"toolkit": "github", "user_id": "parlor_0"}, {"toolkit": "github", "auth_config_id": "a/b"}):
        assert problem(await ann.client.post("/composio/connections/initiate", json=body)) == (422, "request.invalid"), body


async def test_a_person_begins_only_so_many_sign_ins(open_served: OpenServed, composio: ComposioServer) -> None:
    house = await open_served(settings=settings_for(composio))
    ann = await house.person()
    answers = [await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"}) for _ in range(11)]
    assert [each.status_code for each in answers] == [201] * 10 + [409]
    assert (problem(answers[-1]), len(composio.accounts)) == ((409, "composio.too_many_sign_ins"), 10)


@ON_ONE
async def test_without_a_key_the_room_is_off(house: ServedHouse, composio: ComposioServer, engine: str) -> None:
    ann, admin = await house.person(), await administrator(house)
    some = new_id()
    for answer in (
        await ann.client.get("/composio/toolkits"), await ann.client.get("/composio/toolkits/github/actions"), await ann.client.get("/composio/connections"),
        await ann.client.get(f"/composio/connections/{some}"), await ann.client.delete(f"/composio/connections/{some}"), await execute(ann, "GITHUB_X"),
        await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"}), await admin.client.get("/composio/auth-configs"),
        await admin.client.post("/composio/auth-configs", json={"toolkit": "github"}),
    ):  # fmt: skip
        assert problem(answer) == (404, "composio.not_configured")
        assert "COMPOSIO_API_KEY" in answer.json()["detail"]
    health = (await admin.client.get("/health/composio")).json()
    assert health["status"] == "off"


@ON_ONE
async def test_a_wrong_key_is_said_and_never_shown(open_served: OpenServed, composio: ComposioServer, engine: str, capfd: pytest.CaptureFixture[str]) -> None:
    """SEC-47: the double repeats the key in its refusal, as careless servers do."""
    wrong = "ak_wrong-canary-0815"
    house = await open_served(settings=settings_for(composio, **{"tools.composio.api_key": wrong, "log.level": "debug"}))
    admin = await administrator(house)
    answers = [
        await admin.client.get("/composio/toolkits"), await admin.client.post("/composio/connections/initiate", json={"toolkit": "github"}),
        await admin.client.post("/composio/auth-configs", json={"toolkit": "github"}),
    ]  # fmt: skip
    assert [problem(each) for each in answers] == [(502, "composio.key_refused")] * 3
    health = await admin.client.get("/health/composio")
    assert (health.json()["status"], "COMPOSIO_API_KEY" in health.json()["last_error"]) == ("degraded", True)
    said = capfd.readouterr()
    assert wrong not in "".join(each.text for each in (*answers, health)) + said.out + said.err


@ON_ONE
async def test_no_key_is_in_what_an_action_answers(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    house = await open_served(settings=settings_for(composio))
    ann = await house.person()
    await connect(ann, composio, "github")
    answers = [await execute(ann, "GITHUB_CREATE_ISSUE", {"title": API_KEY})]
    for status, body in ((200, '{"successful": false, "error": "bad key %s"}'), (400, '{"error": {"message": "no %s", "slug": "%s", "code": "%s"}}')):
        composio.trouble.where, composio.trouble.status, composio.trouble.body = "/execute/", status, body.replace("%s", API_KEY)
        answers.append(await execute(ann, "GITHUB_CREATE_ISSUE"))
    assert all(each.status_code == 200 for each in answers)
    assert [API_KEY in each.text for each in answers] == [False] * 3


@ON_ONE
async def test_an_operators_auth_config_that_is_gone_is_said(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    house = await open_served(settings=settings_for(composio, **{"tools.composio.toolkits": {"github": {"auth_config_id": "ac_gone"}}}))
    ann = await house.person()
    assert problem(await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"})) == (422, "composio.no_such_auth_config")


@ON_ONE
async def test_an_address_to_sign_in_at_is_one_of_the_web(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    house = await open_served(settings=settings_for(composio))
    ann = await house.person()
    for url in ("javascript:alert(1)", "", "//x", "https://a@b/"):
        body = f'{{"connected_account_id": "ca_x", "redirect_url": "{url}", "link_token": "l"}}'
        composio.trouble = Trouble(where="/link", body=body)
        assert problem(await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"})) == (502, "bad_upstream")
    assert (await ann.client.get("/composio/connections")).json()["items"] == []
    composio.trouble = Trouble(where="/link", body='{"connected_account_id": "ca_x", "redirect_url": "https://sign.in/x", "link_token": "l"}')
    answers = [await ann.client.post("/composio/connections/initiate", json={"toolkit": "github"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 502]  # one connected account belongs to one connection


@ON_ONE
async def test_two_who_come_at_once_make_one_auth_config(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    house = await open_served(settings=settings_for(composio))
    people = [await house.person() for _ in range(4)]
    answers = await asyncio.gather(*(each.client.post("/composio/connections/initiate", json={"toolkit": "github"}) for each in people))
    assert [each.status_code for each in answers] == [201] * 4
    assert len(composio.auth_configs) == 1


@ON_ONE
async def test_an_action_that_a_person_looks_at_waits_for_a_yes_to_exactly_this_call(open_served: OpenServed, composio: ComposioServer, engine: str) -> None:
    toolkits = {"github": {"require_approval": ["*_ISSUE"]}}
    policy = {"composio_github_delete_*": "deny"}
    house = await open_served(settings=settings_for(composio, **{"tools.composio.toolkits": toolkits, "tools.policy": policy}))
    ann = await house.person()
    await connect(ann, composio, "github")
    refused = await execute(ann, "GITHUB_CREATE_ISSUE", {"title": "Hello"})
    assert problem(refused) == (409, "tools.approval_required")
    confirm = refused.json()["confirm"]
    assert problem(await execute(ann, "GITHUB_CREATE_ISSUE", {"title": "Another"}, confirm=confirm)) == (409, "tools.approval_required")
    assert problem(await execute(ann, "GITHUB_DELETE_A_REPOSITORY", confirm=confirm)) == (403, "tools.denied")
    assert composio.executed == []
    assert (await execute(ann, "GITHUB_CREATE_ISSUE", {"title": "Hello"}, confirm=confirm)).json()["error"] is None
    assert "title" in (await execute(ann, "GITHUB_CREATE_ISSUE", {"title": 7}, confirm=confirm)).text
    assert len(composio.executed) == 1
