"""/v1/models, judged by OpenAI's own client."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import openai
import pytest

from parlor.accounts import Administration
from parlor.core.web import Refused
from parlor.protocols.openai.errors import in_openai_words
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

SETTINGS: dict[str, Any] = {
    "llm.models": {"main/bench-64": {"groups": ["staff"]}},
    "llm.aliases": {"fast": "main/fake"},
    "agents.expert": {"model": "main/bench-64"},
}


@pytest.fixture
def engine() -> str:
    """One is enough: nothing here is stored."""
    return "sqlite"


@pytest.fixture
async def kept(open_served: OpenServed) -> ServedHouse:
    return await open_served(settings=SETTINGS)


@pytest.fixture
async def person(kept: ServedHouse) -> Person:
    return await kept.person()


@pytest.fixture
async def client(kept: ServedHouse, person: Person) -> AsyncIterator[openai.AsyncOpenAI]:
    """With an API key of the person's."""
    key = (await person.client.post("/api-keys", json={"name": "SDK", "scopes": ["chat"]})).json()["key"]
    async with openai.AsyncOpenAI(base_url=f"{kept.base_url}/v1", api_key=key, max_retries=0) as client:
        yield client


async def ids_of(client: openai.AsyncOpenAI) -> list[str]:
    return [model.id async for model in client.models.list()]


async def test_models_and_agents_that_one_may_use_are_listed(kept: ServedHouse, client: openai.AsyncOpenAI, person: Person) -> None:
    listed = {model.id: model async for model in client.models.list()}

    assert set(listed) == {*(f"main/{name}" for name in kept.fake.names if name != "bench-64"), "parlor/offline", "agent/assistant"}
    assert (listed["main/fake"].object, listed["main/fake"].owned_by, listed["agent/assistant"].owned_by) == ("model", "main", "parlor")
    await (await kept.get(Administration)).change(UUID(person.id), groups=["staff"])
    assert {"main/bench-64", "agent/expert"} <= set(await ids_of(client))


async def test_a_model_is_found_by_any_of_its_names_unless_it_is_kept_for_others(client: openai.AsyncOpenAI) -> None:
    for asked, found in {"main/fake": "main/fake", "fake": "main/fake", "fast": "main/fake", "agent/assistant": "agent/assistant"}.items():
        assert (await client.models.retrieve(asked)).id == found
    for asked in ("main/nothing", "nothing", "main/bench-64", "agent/nobody", "agent/expert", "agent/", "x" * 200):
        with pytest.raises(openai.NotFoundError) as refused:
            await client.models.retrieve(asked)
        assert (refused.value.code, refused.value.param, refused.value.type) == ("model_not_found", "model", "invalid_request_error")
        assert refused.value.request_id is not None


async def test_a_wrong_key_and_no_key_are_authentication_errors(client: openai.AsyncOpenAI, person: Person, kept: ServedHouse) -> None:
    for key in ("pk_nonsense", person.id):
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.with_options(api_key=key).models.list()
        assert refused.value.code == "invalid_api_key"
    async with httpx2.AsyncClient(base_url=kept.base_url, trust_env=False) as stranger:
        assert (await stranger.get("/v1/models")).json()["error"]["code"] == "invalid_api_key"


REFUSALS = [
    ("GET", "/v1/nothing/here", 404, "not_found"),
    ("GET", "/v1", 404, "not_found"),
    ("DELETE", "/v1/models", 405, "request.method_not_allowed"),
    ("GET", "/v1/models/" + "x" * 301, 422, "request.invalid"),
]


async def test_every_refusal_below_v1_is_in_openais_envelope_and_elsewhere_a_problem(person: Person, kept: ServedHouse) -> None:
    for method, path, status, code in REFUSALS:
        reply = await person.client.request(method, kept.base_url + path)
        assert (reply.status_code, reply.headers["content-type"]) == (status, "application/json")
        assert set(reply.json()) == {"error"}
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
        assert (reply.json()["error"]["type"], reply.json()["error"]["code"]) == ("invalid_request_error", code)
    packed = await person.client.post(f"{kept.base_url}/v1/models", content=b"x", headers={"Content-Encoding": "gzip"})
    assert (packed.status_code, packed.json()["error"]["code"]) == (415, "request.unsupported_media_type"), "what the gate refuses, too"
    for path in ("/v10/models", "/api/v1/nothing", "/v"):
        reply = await person.client.get(kept.base_url + path)
        assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("status", "code", "facts", "error", "headers"),
    [
        (429, "rate_limited", {}, ("rate_limit_error", "rate_limit_exceeded", None), {}),
        (402, "wallet.insufficient_funds", {}, ("insufficient_quota", "insufficient_quota", None), {"x-should-retry": "false"}),
        (500, "internal", {}, ("server_error", "internal", None), {}),
        (422, "invalid", {"errors": [{"loc": ["body", "messages", 0, "content"]}]}, ("invalid_request_error", "invalid", "messages.0.content"), {}),
        (422, "invalid", {"errors": [{"loc": ["body"]}]}, ("invalid_request_error", "invalid", None), {}),
        (409, "chat.turn_in_progress", {}, ("invalid_request_error", "chat.turn_in_progress", None), {}),
    ],
)
def test_what_clients_act_on_is_said_in_their_words(status: int, code: str, facts: dict[str, Any], error: tuple[Any, ...], headers: dict[str, str]) -> None:
    body, more = in_openai_words(Refused(status, code, "A sentence.", facts))

    assert (body["error"]["type"], body["error"]["code"], body["error"]["param"]) == error
    assert (body["error"]["message"], more) == ("A sentence.", headers)
