"""/prices: what administrators say that models cost, and that turns which begin afterwards cost that."""

from datetime import datetime
from typing import Any
from uuid import UUID

from bench.fake_model import Script
from parlor.accounts import Administration
from parlor.core.db import Database
from parlor.turns.queries import find_turn
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

FILE = {"llm.models": {"main/bench-64": {"price": {"input_micros_per_mtok": 5, "output_micros_per_mtok": 6}}}}


async def administrator(house: ServedHouse) -> Person:
    person = await house.person()
    await (await house.get(Administration)).change(UUID(person.id), role="admin", status=None, profile={})
    signed_in = await person.client.post("/auth/login", json={"login": person.email, "password": "a quiet river in may"})
    person.client.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
    return person


def priced(row: dict[str, Any]) -> tuple[str, str, int, int]:
    return row["model"], row["source"], row["input_micros_per_mtok"], row["output_micros_per_mtok"]


async def put(person: Person, model: str, input_micros: Any, output_micros: Any) -> Any:
    return await person.client.put("/prices", json={"model": model, "input_micros_per_mtok": input_micros, "output_micros_per_mtok": output_micros})


async def test_a_set_price_stands_over_the_file_and_the_file_over_the_default(open_served: OpenServed) -> None:
    house = await open_served(settings=FILE)
    admin = await administrator(house)
    before = {row["model"]: priced(row) for row in (await admin.client.get("/prices")).json()["items"]}
    assert before["main/bench-64"] == ("main/bench-64", "file", 5, 6)
    assert before["main/fake"] == ("main/fake", "default", 1_000_000, 3_000_000)
    assert before["parlor/offline"] == ("parlor/offline", "default", 0, 0)
    assert priced((await put(admin, "bench-64", 7, 8)).json()) == ("main/bench-64", "set", 7, 8)
    after = {row["model"]: priced(row) for row in (await admin.client.get("/prices")).json()["items"]}
    assert after == before | {"main/bench-64": ("main/bench-64", "set", 7, 8)}
    models = {row["name"]: row["price"] for row in (await admin.client.get("/models")).json()["items"]}
    assert models["main/bench-64"] == {"input_micros_per_mtok": 7, "output_micros_per_mtok": 8}
    history = (await admin.client.get("/prices", params={"model": "main/bench-64"})).json()["items"]
    assert [(priced(row)[1:], row["set_by"]) for row in history] == [(("set", 7, 8), admin.id), (("file", 5, 6), None)]
    assert datetime.fromisoformat(history[0]["valid_from"]).tzinfo is not None


async def test_what_is_no_price_or_no_model_is_refused_and_sets_nothing(house: ServedHouse) -> None:
    admin, ann = await administrator(house), await house.person()
    for wrong in (-1, 1.5, "1", None, True, 10**15 + 1, 2**70):
        assert (await put(admin, "main/fake", wrong, 1)).status_code == 422, wrong
        assert (await put(admin, "main/fake", 1, wrong)).status_code == 422, wrong
    typo = await put(admin, "main/fakee", 1, 1)
    assert (typo.status_code, typo.json()["code"], typo.json()["near"][0]) == (404, "llm.unknown_model", "main/fake")
    assert (await admin.client.get("/prices", params={"model": "nope"})).status_code == 404
    assert (await put(ann, "main/fake", 0, 0)).status_code == 403
    assert (await ann.client.get("/prices")).status_code == 403
    assert {row["source"] for row in (await admin.client.get("/prices")).json()["items"]} == {"default"}


async def test_a_turn_keeps_the_price_it_began_with_and_the_next_one_has_the_new(house: ServedHouse) -> None:
    admin, ann = await administrator(house), await house.person()
    session_id = await ann.new_session()
    first = (await put(admin, "main/fake", 10_000_000, 20_000_000)).json()
    house.fake.next(Script(fault="hang_after_headers", chunks=3))
    running = await ann.send(session_id)
    assert (await put(admin, "main/fake", 0, 0)).status_code == 200
    await ann.stop(running)
    await ann.replay(running)
    turn = await ann.turn(running)
    usage = turn["usage"]
    assert turn["charge_micros"] == 10 * usage["input_tokens"] + 20 * usage["output_tokens"] > 0
    free, _ = await ann.ask(session_id)
    assert (free["state"], free["charge_micros"]) == ("completed", 0)
    (charge,) = await ann.charges()
    since = datetime.fromisoformat(first["valid_from"])
    assert charge["explanation"] == (
        f"{usage['input_tokens']} input tokens at 10000000 micro-credits per million, {usage['output_tokens']} output tokens at 20000000 micro-credits "
        f"per million (prices since {since:%Y-%m-%d %H:%M:%S} UTC)"
    )
    db = await house.get(Database)
    row = await db.read(lambda tx: find_turn(tx, UUID(running), UUID(ann.id)))
    assert (row.input_micros_per_mtok, row.output_micros_per_mtok) == (10_000_000, 20_000_000)
    assert row.price_version_id is not None


async def test_the_built_in_model_is_free_until_somebody_sets_a_price(house: ServedHouse) -> None:
    admin, ann = await administrator(house), await house.person()
    session_id = await ann.new_session()
    assert (await ann.ask(session_id, model="offline"))[0]["charge_micros"] == 0
    await put(admin, "offline", 1_000_000, 1_000_000)
    turn, _ = await ann.ask(session_id, model="offline")
    assert turn["charge_micros"] == turn["usage"]["input_tokens"] + turn["usage"]["output_tokens"]
