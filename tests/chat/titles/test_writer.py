"""A title for each session, once, that never replaces somebody's own, and that no user pays for."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import column, text

from bench.fake_model import Script
from parlor.chat.titles.writer import JOB, TitleWriter
from parlor.core.db import Database, Json, statement
from parlor.core.metrics import Metrics
from parlor.wallet.platform_queries import own_costs, platform_sums
from parlor.wallet.verification import find_difference
from tests.support.chat import WAIT_SECONDS, Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

ANSWER = json.dumps({"title": '"Sums, and more"\n', "suggestions": ["What is 7*7?", "Why?"]})
SETTINGS = {"llm.aliases": {"fast": "main/cheap"}}
_jobs = statement(text("SELECT args FROM jobs WHERE name = 'chat.write_title'").columns(column("args", Json())))


async def _until_titled(person: Person, session_id: str, title: str) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_SECONDS):
        while (session := await person.session(session_id))["title"] != title:  # noqa: ASYNC110  # the job runs by itself
            await asyncio.sleep(0.02)
    return session


def _asked(house: ServedHouse) -> list[Any]:
    return [request for request in house.fake.requests if request.body.get("model") == "cheap"]


async def test_the_first_answer_brings_a_title_and_suggestions_that_the_house_pays_for(open_served: OpenServed) -> None:
    house = await open_served(settings=SETTINGS)
    house.fake.script("cheap", Script(texts=(ANSWER,), usage={"prompt_tokens": 100, "completion_tokens": 50}))
    ann = await house.person()
    session_id, named_id = await ann.new_session(), await ann.new_session(title="Mine")
    for each in (session_id, named_id):
        await ann.ask(each, "What is 6*7?")
    before = await ann.wallet()
    session = await _until_titled(ann, session_id, "Sums, and more")
    assert session["suggestions"] == ["What is 7*7?", "Why?"]
    await ann.ask(session_id, "What is 7*7?")
    assert (await ann.session(named_id))["title"] == "Mine"
    assert len(_asked(house)) == 1
    assert [entry["model"] for entry in await ann.charges()] == ["main/fake"] * 3
    assert (await ann.wallet())["available_micros"] < before["available_micros"], "only for the question after it"
    db = await house.get(Database)
    (cost,) = await db.read(own_costs)
    assert (cost.purpose, cost.calls, cost.cost_micros, cost.input_tokens) == ("title", 1, 100 + 150, 100)
    sums = {row.platform: row.amount for row in await db.read(platform_sums)}
    assert sums["overrun"] == -250
    assert await find_difference(db, lambda rows: None) is None
    assert 'parlor_house_cost_micros_total{purpose="title"} 250.0' in (await house.get(Metrics)).exposition()[0].decode()


async def test_a_name_that_was_given_meanwhile_stays_and_a_second_run_changes_nothing(open_served: OpenServed) -> None:
    house = await open_served(settings={**SETTINGS, "jobs.run_in_server": False})
    house.fake.script("cheap", Script(texts=(ANSWER,)))
    ann = await house.person()
    ids = [await ann.new_session() for _ in range(3)]
    for each in ids:
        await ann.ask(each, "What is 6*7?")
    db, writer = await house.get(Database), await house.get(TitleWriter)
    waiting = await db.read(lambda tx: tx.run(_jobs).scalars())
    assert {args["session_id"] for args in waiting} == set(ids)
    by_session = {args["session_id"]: args for args in waiting}
    await ann.client.patch(f"/sessions/{ids[0]}", json={"title": "Mine"})
    await ann.client.delete(f"/sessions/{ids[1]}")
    for each in ids[:2]:
        await writer.run(by_session[each])
    assert ((await ann.session(ids[0]))["title"], _asked(house)) == ("Mine", [])
    await asyncio.gather(*(writer.run(by_session[ids[2]]) for _ in range(3)))
    await ann.client.patch(f"/sessions/{ids[2]}", json={"title": "Renamed"})
    await writer.run(by_session[ids[2]])
    session = await ann.session(ids[2])
    assert (session["title"], len(session["suggestions"])) == ("Renamed", 2)


@pytest.mark.either_engine
async def test_a_model_that_does_not_answer_as_it_should_leaves_the_first_words(open_served: OpenServed) -> None:
    house = await open_served(settings={**SETTINGS, "jobs.run_in_server": False})
    ann, writer = await house.person(), await house.get(TitleWriter)
    for script, calls in ((Script(status=400), 1), (Script(texts=("no JSON",)), 2)):
        house.fake.script("cheap", script)
        session_id, before = await ann.new_session(), len(_asked(house))
        await ann.ask(session_id, "What is 6*7?")
        await writer.run({"session_id": session_id, "account_id": ann.id})
        assert ((await ann.session(session_id))["title"], len(_asked(house)) - before) == ("What is 6*7?", calls)
    assert await find_difference(await house.get(Database), lambda rows: None) is None


@pytest.mark.either_engine
@pytest.mark.parametrize("settings", [{}, {**SETTINGS, "chat.title_model": ""}, {"chat.title_model": "no/such"}])
async def test_nothing_is_asked_where_no_model_is_meant_for_it(open_served: OpenServed, settings: dict[str, Any]) -> None:
    house = await open_served(settings={**settings, "jobs.run_in_server": False})
    ann, writer = await house.person(), await house.get(TitleWriter)
    session_id = await ann.new_session()
    await ann.ask(session_id, "What is 6*7?")
    await writer.run({"session_id": session_id, "account_id": ann.id})
    session = await ann.session(session_id)
    assert (session["title"], session["suggestions"], house.fake.count) == ("What is 6*7?", [], 1)
    waiting = await (await house.get(Database)).read(lambda tx: tx.run(_jobs).scalars())
    assert bool(waiting) == (settings.get("chat.title_model") == "no/such")
    assert (JOB, UUID(session_id)) == ("chat.write_title", UUID(session["id"]))


@pytest.mark.either_engine
async def test_only_a_completed_answer_brings_a_title(open_served: OpenServed) -> None:
    house = await open_served(settings={**SETTINGS, "jobs.run_in_server": False})
    ann, db = await house.person(), await house.get(Database)
    session_id = await ann.new_session()
    house.fake.next(Script(status=400))
    await ann.ask(session_id, "What is 6*7?")
    assert await db.read(lambda tx: tx.run(_jobs).all()) == []
    await ann.ask(session_id, "Again?")
    await ann.ask(session_id, "And again?")
    assert len(await db.read(lambda tx: tx.run(_jobs).all())) == 1
