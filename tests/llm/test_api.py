"""The room within the house, over HTTP."""

from tests.support.house_fixtures import OpenServed


async def test_callers_see_every_model_with_its_price(open_served: OpenServed) -> None:
    price = {"input_micros_per_mtok": 5, "output_micros_per_mtok": 7}
    house = await open_served(settings={"llm.models": {"main/bench-64": {"price": price}}, "llm.aliases": {"fast": "main/bench-64"}})
    person = await house.person()

    answer = (await person.client.get("/models")).json()

    models = {model["name"]: model for model in answer["items"]}
    assert models["main/bench-64"]["price"] == price
    assert models["main/bench-64"]["aliases"] == ["fast"]
    assert [name for name, model in models.items() if model["is_default"]] == ["main/fake"]
    assert list(models)[-1] == "parlor/offline"
    assert answer["next_cursor"] is None


async def test_strangers_see_none(open_served: OpenServed) -> None:
    house = await open_served()
    person = await house.person()

    answer = await person.client.get("/models", headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401


async def test_the_built_in_model_computes_through_the_calculator(open_served: OpenServed) -> None:
    house = await open_served(settings={"llm.default_model": "parlor/offline"})
    person = await house.person()
    session_id = await person.new_session()

    _, message = await person.ask(session_id, "What is 12 * (3 + 4)?")

    assert [part["type"] for part in message["parts"]] == ["tool_call", "tool_result", "text"]
    assert message["parts"][-1]["text"] == "12 * (3 + 4) = 84"
