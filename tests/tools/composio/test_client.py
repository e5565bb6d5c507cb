"""The client against the double: pages, repetitions, the breaker, and what refusals become."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from parlor.core.errors import ParlorError
from parlor.core.outbound import Outbound, OutboundSettings
from parlor.core.resilience import BreakerState, CircuitOpen
from parlor.core.settings import RootSettings
from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.errors import ComposioBusy, ComposioRefused, ComposioUnavailable, KeyRefused, NotConfigured, UnknownToComposio
from parlor.tools.composio.settings import ComposioSettings
from parlor.tools.composio.transport import Transport
from parlor.tools.settings import ToolSettings
from tests.support.composio import API_KEY, VERSION, ComposioServer, Trouble

Make = Callable[..., ComposioClient]

GET_TOOLKIT, EXECUTE = "GET /api/v3.1/toolkits/github", "POST /api/v3.1/tools/execute"


class Watch:
    """A clock that stands still until it is moved."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    found = Outbound(OutboundSettings())
    yield found
    await found.close()


@pytest.fixture
def make(outbound: Outbound, composio: ComposioServer) -> Make:
    def make_client(watch: Callable[[], float] | None = None, **given: Any) -> ComposioClient:
        settings = ComposioSettings.model_validate({"api_key": API_KEY, "base_url": composio.base_url, **given})
        # without pauses: that there is another try is counted, and how long it waits is arithmetic
        more: dict[str, Any] = {"monotonic": watch} if watch is not None else {}
        return ComposioClient(outbound, settings, Transport(outbound, settings, uniform=lambda _low, _high: 0.0, **more))

    return make_client


async def execute(client: ComposioClient) -> Any:
    return await client.execute("WEATHERMAP_WEATHER", {}, user_id="parlor_1", connected_account_id=None, version=VERSION)


async def raised(work: Any) -> ParlorError:
    with pytest.raises(ParlorError) as error:
        await work
    return error.value


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/v3", "/api/v3.1"])
async def test_the_base_url_is_taken_with_or_without_its_path(make: Make, composio: ComposioServer, path: str) -> None:
    client = make(base_url=composio.base_url + path)
    assert (await client.toolkit("github")).meta.version == VERSION
    assert composio.asked == [GET_TOOLKIT]


async def test_all_pages_are_read_up_to_a_bound(make: Make, composio: ComposioServer) -> None:
    composio.page = 7
    composio.actions = {f"GITHUB_ACTION_{number:03}": "github" for number in range(150)}
    client = make()
    found = await client.all_actions("github", version=VERSION)
    assert [each.slug for each in found] == sorted(composio.actions)
    composio.page = 2
    assert isinstance(await raised(client.all_actions("github", version=VERSION)), ComposioUnavailable)


async def test_odd_rows_are_left_out(make: Make, composio: ComposioServer) -> None:
    composio.trouble = Trouble(body='{"items": [{"slug": 7}, {"slug": "github", "name": "GitHub"}, null, {"slug": "x", "meta": []}], "next_cursor": ""}')
    page = await make().toolkits()
    assert ([each.slug for each in page.items], page.next_cursor) == (["github"], None)


@pytest.mark.parametrize(
    ("status", "kind", "gets", "posts"),
    [
        (400, ComposioRefused, 1, 1), (401, KeyRefused, 1, 1), (403, KeyRefused, 1, 1), (404, UnknownToComposio, 1, 1), (409, ComposioRefused, 1, 1),
        (422, ComposioRefused, 1, 1), (429, ComposioBusy, 3, 1), (500, ComposioUnavailable, 3, 1), (503, ComposioUnavailable, 3, 1),
        (302, ComposioUnavailable, 3, 1),
    ],
)  # fmt: skip
async def test_only_what_reads_is_tried_again(make: Make, composio: ComposioServer, status: int, kind: type[ParlorError], gets: int, posts: int) -> None:
    composio.trouble = Trouble(status=status, headers={"Retry-After": "0"} if status == 429 else {})
    client = make(failures=100)
    read, done = await raised(client.toolkit("github")), await raised(execute(client))
    assert (type(read), type(done)) == (kind, kind)
    assert (composio.count(GET_TOOLKIT), composio.count(EXECUTE)) == (gets, posts)
    assert read.facts["upstream_slug"] == f"Error_{status}"
    assert "Something went wrong" not in f"{read.detail} {read.facts}"


async def test_a_read_succeeds_when_composio_is_back_in_time(make: Make, composio: ComposioServer) -> None:
    composio.trouble = Trouble(status=500, times=2)
    assert (await make().toolkit("github")).slug == "github"
    assert composio.count(GET_TOOLKIT) == 3


async def test_a_long_pause_is_the_callers_to_take(make: Make, composio: ComposioServer) -> None:
    composio.trouble = Trouble(status=429, headers={"Retry-After": "120"})
    error = await raised(make().toolkit("github"))
    assert (type(error), error.facts["retry_after_seconds"], composio.count(GET_TOOLKIT)) == (ComposioBusy, 120, 1)


@pytest.mark.parametrize("body", ["", "<html>", '{"items": 5}', '{"slug": 5}', "[" * 5000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")])
async def test_what_is_no_answer_is_no_answer(make: Make, composio: ComposioServer, body: str) -> None:
    composio.trouble = Trouble(body=body)
    client = make(failures=100)
    error = await raised(execute(client))
    assert isinstance(error, ComposioUnavailable)
    assert error.may_be_done
    assert isinstance(await raised(client.toolkits()), ComposioUnavailable)


async def test_a_call_without_an_answer_is_not_made_again(make: Make, composio: ComposioServer) -> None:
    composio.trouble = Trouble(hangs=True)
    error = await raised(execute(make(execute_seconds=0.3)))
    assert isinstance(error, ComposioUnavailable)
    assert (error.may_be_done, composio.count(EXECUTE)) == (True, 1)


async def test_a_server_that_is_not_there_was_sent_nothing(make: Make) -> None:
    error = await raised(execute(make(base_url="http://127.0.0.1:9")))
    assert isinstance(error, ComposioUnavailable)
    assert not error.may_be_done


async def test_after_some_failures_nobody_waits_until_a_probe_succeeds(make: Make, composio: ComposioServer) -> None:
    watch = Watch()
    client = make(watch, failures=3, open_seconds=30)
    composio.trouble = Trouble(status=500)
    for _ in range(3):
        await raised(execute(client))
    assert client.breaker.state is BreakerState.OPEN
    assert isinstance(await raised(execute(client)), CircuitOpen)
    assert isinstance(await raised(client.toolkit("github")), CircuitOpen)
    assert composio.count("") == 3
    composio.heal()
    watch.seconds = 31
    assert (await execute(client)).successful
    assert client.breaker.state is BreakerState.CLOSED


async def test_refusals_say_nothing_against_composio(make: Make, composio: ComposioServer) -> None:
    client = make(failures=1)
    for status in (400, 401, 404, 429):
        composio.trouble = Trouble(status=status, headers={"Retry-After": "60"})
        await raised(execute(client))
    assert client.breaker.state is BreakerState.CLOSED
    assert not client.is_key_refused
    composio.trouble = Trouble(status=401)
    await raised(execute(client))
    assert client.is_key_refused
    composio.heal()
    assert (await execute(client)).successful
    assert not client.is_key_refused


async def test_ids_are_parts_of_a_path_and_nothing_more(make: Make, composio: ComposioServer) -> None:
    client = make()
    for odd in ("../auth_configs", "a/b", "a?limit=1", "a#b", "%2e%2e", "ä"):
        assert isinstance(await raised(client.connected_account(odd)), UnknownToComposio), odd
    assert all(each.startswith("GET /api/v3.1/connected_accounts/") for each in composio.asked)


async def test_without_a_key_nothing_is_sent(make: Make, composio: ComposioServer) -> None:
    client = make(api_key=None)
    for work in (client.toolkits(), execute(client), client.delete_connected_account("ca_1")):
        assert isinstance(await raised(work), NotConfigured)
    assert composio.asked == []


async def test_calls_at_once_are_each_answered(make: Make) -> None:
    client = make()
    found = await asyncio.gather(*(client.toolkit("github") for _ in range(20)))
    assert [each.slug for each in found] == ["github"] * 20


def test_a_key_with_odd_characters_or_a_wrong_toolkit_is_refused() -> None:
    for wrong in ({"api_key": "two\nlines"}, {"base_url": "ftp://x"}, {"toolkits": {"Git Hub": {}}}, {"toolkits": {"github": {"version": "latest"}}}):
        with pytest.raises(ValueError, match=r"key|address|toolkit|version"):
            ComposioSettings.model_validate(wrong)
    assert ComposioSettings(api_key=SecretStr(" ")).api_key is None


@pytest.mark.parametrize(
    ("given", "globs"), [(True, ("*",)), (["true"], ("*",)), (False, ()), (["false"], ()), (["GITHUB_*"], ("GITHUB_*",)), ([], ()), (["A", "B"], ("A", "B"))]
)
def test_approval_is_required_for_all_or_for_globs(given: Any, globs: tuple[str, ...]) -> None:
    settings = ComposioSettings.model_validate({"toolkits": {"github": {"require_approval": given}}})
    assert settings.toolkits["github"].require_approval == globs


@pytest.mark.parametrize(("base_url", "is_warned"), [("http://composio.internal", True), ("https://composio.internal", False), ("http://127.0.0.1:8", False)])
def test_a_key_in_the_clear_is_warned_of(base_url: str, is_warned: bool) -> None:
    settings = ToolSettings.model_validate({"composio": {"api_key": "ak_1", "base_url": base_url}})
    assert any("travels in the clear" in each for each in settings.warnings(RootSettings())) is is_warned
