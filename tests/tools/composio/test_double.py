"""The double that the other tests call is right as far as the official SDK can tell."""

from asyncio import to_thread
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.clients import http_client
from tests.support.composio import API_KEY, VERSION, ComposioServer


@pytest.fixture
def connect(composio: ComposioServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """The SDK with that key. Imported here: that takes seconds, and collecting tests must not."""
    from composio import Composio

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COMPOSIO_DISABLE_TELEMETRY", "true")
    with httpx.Client(trust_env=False, verify=False) as http:
        yield lambda key: Composio(api_key=key, base_url=composio.base_url, toolkit_versions={"github": VERSION}, max_retries=0, http_client=http)


@pytest.fixture
def sdk(connect: Callable[[str], Any]) -> Any:
    return connect(API_KEY)


async def test_the_official_sdk_lists_connects_and_executes_against_the_double(sdk: Any, composio: ComposioServer) -> None:
    from composio.exceptions import ComposioMultipleConnectedAccountsError

    toolkits = await to_thread(sdk.toolkits.list)
    assert [(each.slug, each.no_auth) for each in toolkits.items] == [("github", False), ("gmail", False), ("weathermap", True)]
    github = await to_thread(sdk.toolkits.get, "github")
    assert github.meta.version == VERSION
    made = await to_thread(sdk.auth_configs.create, "github", {"type": "use_composio_managed_auth"})
    assert [each.id for each in (await to_thread(lambda: sdk.auth_configs.list(toolkit_slug="github"))).items] == [made.id]

    request = await to_thread(sdk.connected_accounts.link, "ann", made.id)
    assert (request.status, composio.only_account().user_id) == ("INITIATED", "ann")
    async with http_client() as browser:
        assert (await browser.get(str(request.redirect_url))).text == "Connected"
    account = await to_thread(request.wait_for_connection, 5)
    assert (account.id, account.status, account.toolkit.slug) == (request.id, "ACTIVE", "github")
    with pytest.raises(ComposioMultipleConnectedAccountsError):
        await to_thread(sdk.connected_accounts.link, "ann", made.id)
    listed = await to_thread(lambda: sdk.connected_accounts.list(user_ids=["ann"]))
    assert [each.id for each in listed.items] == [request.id]
    assert (await to_thread(lambda: sdk.connected_accounts.list(user_ids=["bob"]))).items == []

    tools = await to_thread(lambda: sdk.tools.get("ann", toolkits=["github"]))
    assert next(each["function"]["name"] for each in tools) == "GITHUB_CREATE_ISSUE"
    done = await to_thread(lambda: sdk.tools.execute("GITHUB_CREATE_ISSUE", {"title": "Hello"}, user_id="ann", connected_account_id=request.id))
    assert done == {"data": {"canary": "canary-2", "echo": {"title": "Hello"}}, "error": None, "successful": True}
    assert composio.executed == [(request.id, "ann", "GITHUB_CREATE_ISSUE", VERSION)]
    await to_thread(sdk.connected_accounts.delete, request.id)
    assert composio.accounts == {}


async def test_the_double_refuses_as_the_sdk_expects(sdk: Any, connect: Callable[[str], Any]) -> None:
    from composio.exceptions import ToolVersionRequiredError
    from composio_client import AuthenticationError, BadRequestError, NotFoundError

    with pytest.raises(NotFoundError) as missing:
        await to_thread(sdk.toolkits.get, "nothing")
    assert missing.value.details is not None
    assert missing.value.details["slug"] == "Error_404"
    with pytest.raises(ToolVersionRequiredError):
        await to_thread(lambda: sdk.tools.execute("GMAIL_SEND_EMAIL", {}, user_id="ann"))
    with pytest.raises(BadRequestError):
        await to_thread(lambda: sdk.tools.execute("GITHUB_CREATE_ISSUE", {}, user_id="ann"))
    with pytest.raises(AuthenticationError):
        await to_thread(connect("ak_wrong").toolkits.list)
