"""SEC-45, SEC-46: what is open without signing in is what the settings say."""

import pytest
from pydantic import SecretStr

from parlor.core.errors import Misconfigured
from tests.security.site import problem_of
from tests.support.chat import client_of
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine

ORIGIN = "https://chat.example.com"


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_without_docs_neither_page_nor_document_is_there(open_served: OpenServed) -> None:
    house = await open_served(settings={"server.docs": False})
    async with client_of(house.base_url) as client:
        for path in ("/docs", "/docs/start.js", "/openapi.json", "/redoc", "/api/v1/openapi.json"):
            problem_of(await client.get(house.base_url + path), 404)


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_without_aliases_only_the_api_answers(open_served: OpenServed) -> None:
    house = await open_served(settings={"server.aliases": False})
    async with client_of(house.base_url) as client:
        for path in ("/auth/me", "/api/sessions", "/api/wallet"):
            problem_of(await client.get(house.base_url + path), 404)
        problem_of(await client.get("/auth/me"), 401)


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_only_a_named_origin_may_read_and_write_with_credentials(open_served: OpenServed) -> None:
    house = await open_served(settings={"server.cors_origins": [ORIGIN], "server.cors_credentials": True})
    async with client_of(house.base_url) as client:
        for origin in (ORIGIN, "https://evil.example", "null", ORIGIN + ".evil.example", ORIGIN.replace("https", "http")):
            asked = await client.options("/auth/login", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
            sent = await client.post("/auth/login", json={"login": "a@example.com", "password": "x"}, headers={"Origin": origin})
            for answer in (asked, sent):
                allowed = [answer.headers.get(name) for name in ("access-control-allow-origin", "access-control-allow-credentials")]
                assert (allowed[0] == ORIGIN) == (origin == ORIGIN), origin
                assert allowed[0] in (None, ORIGIN)
            assert sent.status_code == (401 if origin == ORIGIN else 403)


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_every_origin_and_credentials_together_do_not_start(open_served: OpenServed) -> None:
    with pytest.raises(Misconfigured):
        await open_served(settings={"server.cors_origins": ["*"], "server.cors_credentials": True})


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_details_of_health_are_for_those_who_hold_the_token(open_served: OpenServed) -> None:
    token = "a token for monitoring"
    house = await open_served(settings={"ops.health_token": SecretStr(token)})
    async with client_of(house.base_url) as client:
        for credential in ("", "Bearer wrong", f"Bearer {token}x", f"Bearer {token[:-1]}", f"Basic {token}"):
            answer = await client.get("/health/detailed", headers={"Authorization": credential} if credential else {})
            assert set(answer.json()["components"]["database"]) == {"status", "checked_at"}, credential
        full = await client.get("/health/detailed", headers={"Authorization": f"Bearer {token}"})
        assert "latency_ms" in full.json()["components"]["database"]
        problem_of(await client.get("/admin/modules", headers={"Authorization": f"Bearer {token}"}), 401)
        problem_of(
            await client.get(f"{house.base_url}/metrics", headers={"Authorization": f"Bearer {token}", "X-Forwarded-For": "203.0.113.9"}),
            403,
            "metrics.refused",
        )
