"""A person who is erased is nowhere: a word of theirs is planted wherever words are kept, and afterwards every byte that is stored is searched for it."""

import asyncio
import json
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bench.fake_model import FakeToolCall, Script
from parlor.core.crypto import random_text
from tests.conftest import ENGINES
from tests.security.site import Member, Site, open_site
from tests.support.chat import PASSWORD

SLOW = Script(chunks=5000, pace_seconds=0.02)


@pytest.fixture(params=ENGINES)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    with ExitStack() as stack:
        if request.param == "postgres":
            url = stack.enter_context(request.getfixturevalue("postgres").database())
        else:
            (tmp_path / "server").mkdir()
            shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "server" / "parlor.db")
            url = f"sqlite:///{tmp_path / 'server' / 'parlor.db'}"
        async with open_site(tmp_path / "server", request.param, url, PARLOR_LOG__LEVEL="debug") as opened:
            yield opened


class Words:
    """A word of its own for each place, so that what is found says where it came from."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def __getitem__(self, place: str) -> str:
        return self.planted.setdefault(place, f"zq{random_text(12).translate({45: 'x', 95: 'y'})}".lower())


async def plant(site: Site, words: Words) -> Member:
    """Everything that a person can leave behind. Long texts too: they lie in pages of their own."""
    member = await site.sign_up(email=f"{words['email']}@example.com", username=words["username"][:30], display_name=words["display name"])
    client = member.client
    client.headers["User-Agent"] = words["user agent"]
    login = await client.post("/auth/login", json={"login": member.email, "password": PASSWORD})
    assert login.status_code == 200
    profile = {"preferences": {"theme": words["preferences"]}, "avatar_url": f"https://example.com/{words['avatar']}"}
    assert (await client.patch("/auth/me", json=profile)).status_code == 200
    assert (await client.post("/api-keys", json={"name": words["key name"]})).status_code == 201
    session_id = await member.person.new_session(title=words["title"], category=words["category"], metadata={"k": words["metadata"]})
    assert (await client.put(f"/sessions/{session_id}/notes", json={"notes": words["notes"] + " " + "n" * 9000})).status_code == 200
    brought = {"chat": {"title": words["imported title"], "messages": [{"role": "user", "content": words["imported message"] + " " + "i" * 9000}]}}
    assert (await client.post("/sessions/import", json=brought, headers={"Idempotency-Key": words["import key"]})).status_code == 201
    intent = {"message": "What is the weather like?", "model": "parlor/offline"}
    assert (await client.post("/agent/analyze-intent", json=intent, headers={"Idempotency-Key": words["intent key"]})).status_code == 200
    assert (await client.post("/chat", json={"message": words["single call"] + " " + "s" * 9000})).status_code == 200
    call = FakeToolCall(name="calculator", arguments=json.dumps({"expression": words["tool arguments"]}))
    site.fake.next(Script(tool_calls=(call,)), Script(text=words["answer"]))
    await member.person.ask(session_id, words["question"], key=words["idempotency key"])
    assert (await client.post(f"/sessions/{session_id}/share")).status_code == 201
    assert (await client.patch(f"/sessions/{session_id}", json={"title": words["later title"]})).status_code == 200
    for number in range(12):
        await member.person.ask(session_id, f"{words['long question']} {'filler ' * 400 * (number % 4)} {words['its end']}")
    await customize(member, words)
    deleted = await member.person.new_session(title=words["deleted title"])
    await member.person.ask(deleted, words["deleted question"] + " deleted " * 800)
    assert (await client.delete(f"/sessions/{deleted}")).status_code == 204
    return member


async def customize(member: Member, words: Words) -> None:
    """A long layer over an agent's prompt, one that was written anew, and one that was removed."""
    layer = {"agent_name": "assistant", "mode": "append"}
    made = []
    for place in ("layer", "older layer", "removed layer"):
        reply = await member.client.post(
            "/prompts/customizations", json=layer | {"content": words[place] + " l" * 3000}, headers={"Idempotency-Key": words[f"{place} key"]}
        )
        assert reply.status_code == 201, reply.text
        made.append(f"/prompts/customizations/{reply.json()['id']}")
    assert (await member.client.put(made[1], json=layer | {"content": words["newer layer"]})).status_code == 200
    assert (await member.client.delete(made[2])).status_code == 204


def traces(text: bytes, words: Words) -> list[str]:
    """The full-text index keeps only the end of a word that begins as the one before it does."""
    lower = text.lower()
    return [place for place, word in words.planted.items() if word[3:].encode() in lower]


async def stored(site: Site) -> Mapping[str, bytes]:
    """Every file of ours, as it lies on the disk."""
    if site.engine == "postgres":
        return await _heaps(site)
    files = [path for path in site.server.folder.rglob("*") if path.is_file()]
    assert any(path.name == "parlor.db" for path in files)
    return {path.name: path.read_bytes() for path in files}


async def _heaps(site: Site) -> Mapping[str, bytes]:
    """Tables, their indexes and what is kept beside them, statistics included; read through the server, which may run as somebody else."""
    connection = await asyncpg.connect(site.database_url)
    try:
        await connection.execute("CHECKPOINT")
        rows = await connection.fetch("SELECT oid::regclass::text, pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't')")
        return {name: await connection.fetchval("SELECT pg_read_binary_file($1)", path) for name, path in rows if path and not name.startswith("pg_statistic")}
    finally:
        await connection.close()


async def found(site: Site, words: Words) -> dict[str, list[str]]:
    files = {name: places for name, text in (await stored(site)).items() if (places := traces(text, words))}
    return files | ({"log": places} if (places := traces(site.server.log.encode(), words)) else {})


async def test_no_byte_of_an_erased_person_is_left(site: Site) -> None:
    words, others = Words(), Words()
    member, other = await plant(site, words), await plant(site, others)
    assert await found(site, words) != {}
    answer = await member.client.request("DELETE", "/auth/me", json={"password": PASSWORD})
    assert (answer.status_code, answer.json()["erased_at"] is not None) == (200, True), answer.text
    assert all(answer.json()["receipt"][name] > 0 for name in ("accounts", "chat", "turns", "prompts", "idempotency")), answer.text
    assert await found(site, words) == {}
    assert (await member.client.get("/auth/me")).status_code == 401
    assert (await site.admin_or_nobody.post("/auth/login", json={"login": member.email, "password": PASSWORD})).json()["code"] == "auth.invalid_credentials"
    assert (
        set(traces(b"\n".join((await stored(site)).values()), others))
        == set(others.planted) - {"deleted question", "deleted title", "older layer", "removed layer"}
        or site.engine == "postgres"
    )
    assert len(await other.person.messages((await other.client.get("/sessions")).json()["items"][0]["id"], limit=200)) >= 20
    code, said = await site.server.run("wallet", "verify")
    assert code == 0, said
    code, said = await site.server.run("doctor", "--deep")
    assert code == 0, said


@pytest.mark.either_engine
async def test_a_running_turn_is_stopped_and_billed_first(site: Site) -> None:
    member = await site.sign_up()
    site.fake.script("fake", SLOW)
    session_id = await member.person.new_session()
    async with member.person.stream(session_id) as reader:
        await reader.until("text.delta", 3)
        answer = await member.client.request("DELETE", "/auth/me", json={"password": PASSWORD})
        assert answer.status_code == 200, answer.text
    rows = await _rows(site, "SELECT state, charge_micros > 0, session_id FROM turns WHERE ended_at IS NOT NULL AND state = 'stopped'")
    assert [(state, bool(is_charged), session) for state, is_charged, session in rows] == [("stopped", True, None)]
    assert await _rows(site, "SELECT * FROM turn_segments WHERE turn_id IN (SELECT id FROM turns WHERE state = 'stopped')") == []
    code, said = await site.server.run("wallet", "verify")
    assert code == 0, said


def _receipt_in(said: str) -> dict[str, Any]:
    """A log line may stand before it: the server's own second pass may have the files in use, and then that pass is what scrubs them."""
    return json.loads(said[said.index("{") :])


async def _rows(site: Site, sql: str) -> list[tuple[Any, ...]]:
    if site.engine == "postgres":
        connection = await asyncpg.connect(site.database_url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()
    with closing(sqlite3.connect(site.database_url.removeprefix("sqlite:///"), timeout=20)) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.either_engine
async def test_the_command_line_erases_beside_a_running_server(site: Site) -> None:
    words = Words()
    member = await plant(site, words)
    code, said = await site.server.run("users", "erase", member.email, "--yes", "--json")
    assert code == 0, said
    assert await found(site, words) == {}
    again = await site.server.run("users", "erase", member.id, "--yes", "--json")
    assert (again[0], _receipt_in(again[1])) == (0, _receipt_in(said))
    assert (await site.server.run("users", "erase", member.email, "--yes"))[0] == 1
    assert (await site.server.run("users", "erase", "root@example.com", "--yes"))[0] == 1
    async with asyncio.timeout(10):
        while (await member.client.get("/auth/me")).status_code != 401:  # noqa: ASYNC110  # what the server remembers is a few seconds old at most
            await asyncio.sleep(0.1)


@pytest.mark.either_engine
async def test_whoever_comes_back_gets_an_account_and_no_second_bonus(site: Site) -> None:
    email = "returning@example.com"
    first = await site.sign_up(email=email)
    bonus = await first.person.wallet()
    assert (await site.admin.client.delete(f"/users/{first.id}")).status_code == 200
    second = await site.sign_up(email="Returning@Example.com")
    assert second.id != first.id
    assert (bonus["posted_micros"] > 0, (await second.person.wallet())["posted_micros"]) == (True, 0)
    assert (await second.person.wallet())["account_id"] == second.id
    again = await site.admin.client.delete(f"/users/{first.id}")
    assert (again.status_code, again.json()["erased_at"] is not None) == (200, True)
    assert (await second.client.get("/auth/me")).status_code == 200
    site.server.send(signal.SIGTERM)
    assert await site.server.ended() == 0
