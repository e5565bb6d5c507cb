import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import pytest

from parlor.accounts import Administration
from parlor.core.lifecycle import Shutdown
from tests.ops.conftest import house, open_served
from tests.support.chat import PASSWORD
from tests.support.clients import http_client
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine

__all__ = ["house", "open_served"]

PUBLIC_FIELDS = {"status", "checked_at"}


def client(house: ServedHouse, token: str | None = None) -> httpx2.AsyncClient:
    return http_client(base_url=house.base_url, headers={"Authorization": f"Bearer {token}"} if token else {})


@asynccontextmanager
async def administrator(house: ServedHouse) -> AsyncGenerator[httpx2.AsyncClient]:
    person = await house.person()
    assert (await person.client.get("/admin/modules")).status_code == 403
    await (await house.get(Administration)).promote(person.email)
    signed_in = await person.client.post("/auth/login", json={"login": person.email, "password": PASSWORD})
    async with client(house, signed_in.json()["access_token"]) as http:
        yield http


async def test_health_needs_no_token(house: ServedHouse) -> None:
    async with client(house) as http:
        for path in ("/health", "/health/live", "/health/ready"):
            assert (await http.get(path)).json() == {"status": "ok"}
            assert (await http.head(path)).status_code == 200


async def test_anyone_sees_statuses_and_nothing_else(house: ServedHouse) -> None:
    async with client(house) as http, client(house, "pk_wrong_token_of_some_kind") as wrong:
        for each in (http, wrong):
            detailed = (await each.get("/api/v1/health/detailed")).json()
            assert {"database", "jobs", "redis", "wallet", "llm", "turns"} <= set(detailed["components"])
            assert all(set(component) == PUBLIC_FIELDS for component in detailed["components"].values())
            assert set((await each.get("/api/v1/health/database")).json()) == PUBLIC_FIELDS


async def test_the_health_token_and_administrators_see_all(open_served: OpenServed) -> None:
    house = await open_served(settings={"ops.health_token": "a-long-monitoring-token"})
    async with client(house, "a-long-monitoring-token") as monitor:
        component = (await monitor.get("/api/v1/health/database")).json()
        assert component["latency_ms"] >= 0
        assert component["details"]["engine"] in ("sqlite", "postgres")
        assert component["last_error"] is None
        assert (await monitor.get("/api/v1/admin/modules")).status_code == 401
    async with administrator(house) as http:
        detailed = (await http.get("/api/v1/health/detailed")).json()
        assert "latency_ms" in detailed["components"]["jobs"]
        assert detailed["components"]["redis"]["status"] == "off"


async def test_somebody_who_is_signed_in_sees_what_anyone_sees(house: ServedHouse) -> None:
    person = await house.person()
    assert set((await person.client.get("/health/database")).json()) == PUBLIC_FIELDS


async def test_a_component_that_is_not_there_is_404(house: ServedHouse) -> None:
    async with client(house) as http:
        answer = await http.get("/api/v1/health/nothing")
        assert (answer.status_code, answer.json()["code"]) == (404, "health.no_such_component")


async def test_readiness_is_false_at_once_when_the_end_is_asked_for(house: ServedHouse) -> None:
    """REL-26"""
    async with client(house) as http:
        assert (await http.get("/health/ready")).status_code == 200
        (await house.get(Shutdown)).request()
        answer = await http.get("/health/ready")
        assert (answer.status_code, answer.json()["detail"]) == (503, "This process is about to end.")
        assert (await http.get("/health/live")).status_code == 200


async def test_administrators_see_the_modules(house: ServedHouse) -> None:
    async with administrator(house) as http:
        modules = {each["name"]: each for each in (await http.get("/api/v1/admin/modules")).json()["items"]}
    assert modules["wallet"] == {"name": "wallet", "origin": "built-in", "on": True, "health": "ok"}
    async with client(house) as http:
        assert (await http.get("/api/v1/admin/modules")).status_code == 401


async def test_many_probes_at_once_are_answered(house: ServedHouse) -> None:
    async with client(house) as http:
        answers = await asyncio.gather(*(http.get("/api/v1/health/detailed") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}


async def test_metrics_are_for_this_machine_and_for_the_token(open_served: OpenServed) -> None:
    token = "a-token-for-prometheus"
    house = await open_served(settings={"ops.metrics_token": token})
    ann = await house.person()
    for expression in ("1+1", "1/0"):
        await ann.client.post("/tools/calculator/call", json={"arguments": {"expression": expression}})
    here = await ann.client.get(f"{house.base_url}/metrics")
    assert (here.status_code, here.headers["content-type"].partition(";")[0], here.headers["cache-control"]) == (200, "text/plain", "no-store")
    lines = here.text.splitlines()
    assert 'parlor_tool_calls_total{state="done",tool="calculator"} 1.0' in lines
    assert 'parlor_tool_calls_total{state="failed",tool="calculator"} 1.0' in lines
    assert 'parlor_tool_call_seconds_count{tool="calculator"} 2.0' in lines
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    refused = await ann.client.get(f"{house.base_url}/metrics", headers=forwarded)
    assert (refused.status_code, refused.json()["code"]) == (403, "metrics.refused")
    opened = await ann.client.get(f"{house.base_url}/metrics", headers={**forwarded, "Authorization": f"Bearer {token}"})
    assert opened.status_code == 200
