"""What the reference's Composio service does, by the calls and settings that its users know. `docs/reference.md` lists the rows."""

from collections.abc import Iterator

import pytest

from tests.support.administrators import administrator
from tests.support.composio import API_KEY, ComposioServer, run_composio
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed, open_served
from tests.tools.composio.conftest import finish, until

__all__ = ["open_served"]


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both are asked in tests/tools/composio."""
    name: str = request.param
    return name


@pytest.fixture
def composio() -> Iterator[ComposioServer]:
    with run_composio() as server:
        yield server


@pytest.fixture
async def house(open_served: OpenServed, composio: ComposioServer) -> ServedHouse:
    """By the usual names of the settings."""
    return await open_served(environment={"COMPOSIO_API_KEY": API_KEY, "COMPOSIO_BASE_URL": composio.base_url}, settings={"tools.composio.poll_seconds": 0.05})


async def test_auth_configs_are_made_and_listed(house: ServedHouse) -> None:
    admin = await administrator(house)
    made = (await admin.client.post("/composio/auth-configs", json={"toolkit": "github"})).json()
    assert (made["toolkit"], made["is_composio_managed"]) == ("github", True)
    assert [each["id"] for each in (await admin.client.get("/composio/auth-configs")).json()["items"]] == [made["id"]]


async def test_toolkits_and_their_actions_are_listed(house: ServedHouse) -> None:
    ann = await house.person()
    assert [each["slug"] for each in (await ann.client.get("/composio/toolkits?search=git")).json()["items"]] == ["github"]
    actions = (await ann.client.get("/composio/toolkits/github/actions?search=create")).json()["items"]
    assert [(each["slug"], each["parameters"]["type"]) for each in actions] == [("GITHUB_CREATE_ISSUE", "object")]


async def test_a_connection_is_begun_watched_and_used(house: ServedHouse, composio: ComposioServer) -> None:
    ann = await house.person()
    begun = (await ann.client.post("/composio/connections/initiate-enhanced", json={"toolkit": "github", "callback_url": "/"})).json()
    assert (set(begun), begun["status"]) == ({"connection_id", "redirect_url", "status"}, "initiated")
    await finish(begun["redirect_url"])

    async def is_active() -> bool:
        return (await ann.client.get("/composio/connections")).json()["items"][0]["status"] == "active"

    await until(is_active)
    done = (await ann.client.post("/composio/tools/GITHUB_CREATE_ISSUE/execute", json={"arguments": {"title": "Hello"}})).json()
    assert done["result"]["canary"] == composio.only_account().canary


async def test_the_health_of_composio(house: ServedHouse, composio: ComposioServer) -> None:
    admin = await administrator(house)
    assert (await admin.client.get("/health/composio")).json()["status"] == "ok"
    assert (await admin.client.get("/health/detailed")).json()["components"]["composio"]["details"]["breaker"]["state"] == "closed"
