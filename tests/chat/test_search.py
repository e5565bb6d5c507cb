"""Search: one's own messages with all the words, whatever characters they have."""

from typing import Any

from bench.fake_model import Script
from tests.support.chat import Person
from tests.support.house import ServedHouse


async def _found(person: Person, words: str, **params: Any) -> list[dict[str, Any]]:
    reply = await person.client.get("/search", params={"q": words, **params})
    assert reply.status_code == 200, (words, reply.text)
    return reply.json()["items"]


async def _snippets(person: Person, words: str) -> list[str]:
    return ["".join(piece["text"] for piece in item["highlights"]) for item in await _found(person, words)]


async def test_messages_are_found_by_their_words(house: ServedHouse) -> None:
    house.fake.script("fake", Script(texts=("The ferry leaves ", "at noon.")))
    ann = await house.person()
    session_id = await ann.new_session(title="Travel")
    _, answer = await ann.ask(session_id, "When does the boat to Nausikaa leave?")
    (found,) = await _found(ann, "ferry noon")
    assert (found["message_id"], found["session_id"], found["session_title"], found["role"]) == (answer["id"], session_id, "Travel", "assistant")
    assert [piece["text"] for piece in found["highlights"] if piece["is_match"]] == ["ferry", "noon"]
    assert "".join(piece["text"] for piece in found["highlights"]) == "The ferry leaves at noon."
    assert await _snippets(ann, "FERRY") == ["The ferry leaves at noon."]
    assert len(await _found(ann, "nausi")) == 1, "the beginning of a word finds it"
    assert await _found(ann, "ferry boat") == [], "all the words, in one message"
    assert await _found(ann, "submarine") == []


STRANGE_WORDS = (
    *('"', '""', "'", "''", "*", "-", "(", ")", "^", ":", "\\", "%", "_", "!", "&", "|", "<->", "NEAR/2", "a* AND", "ferry*", '"ferry', "text:ferry"),
    *("NOT ferry", "ferry OR boat", "-ferry", "{a b}", "+ferry", "ferry:*", "ferry & !noon", "' OR 1=1 --", "\ue000ferry\ue001", "ferry\u200dnoon"),
    *("w " * 200, "é" * 200, "🎉", "漢字", "\u0301", " \t "),
)


async def test_no_text_is_a_query_language(house: ServedHouse) -> None:
    """Operators of either engine are words like others: nothing fails, and nothing is negated."""
    ann = await house.person()
    for words in STRANGE_WORDS:
        assert await _found(ann, words) == [], words


async def test_operators_find_what_they_look_like(house: ServedHouse) -> None:
    house.fake.script("fake", Script(texts=("fine",)))
    ann = await house.person()
    session_id = await ann.new_session()
    for text in ("rock AND roll", "rock or pop", "not jazz", "c'est l'été à Paris", "漢字かな交じり文", "<b>bold</b> & co", "snake_case and foo-bar"):
        await ann.ask(session_id, text)
    assert await _snippets(ann, "rock AND roll") == ["rock AND roll"]
    assert await _snippets(ann, '"roll rock"') == ["rock AND roll"]
    assert await _snippets(ann, "NOT jazz") == ["not jazz"]
    assert await _snippets(ann, "-rock") == ["rock or pop", "rock AND roll"], "newest first"
    assert await _snippets(ann, "été paris") == ["c'est l'été à Paris"]
    assert await _snippets(ann, "漢字") == ["漢字かな交じり文"]
    assert len(await _found(ann, "bold co")) == 1
    assert await _snippets(ann, "snake_case foo-bar") == ["snake_case and foo-bar"]


async def test_what_is_found_comes_in_pages(house: ServedHouse) -> None:
    house.fake.script("fake", Script(texts=("needle",)))
    ann, bob = await house.person(), await house.person()
    session_id = await ann.new_session()
    for number in range(4):
        await ann.ask(session_id, f"hay {number}")
    params: dict[str, Any] = {"q": "needle", "limit": 3}
    first = (await ann.client.get("/search", params=params)).json()
    second = (await ann.client.get("/search", params={**params, "cursor": first["next_cursor"]})).json()
    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (3, 1, None)
    assert len({item["message_id"] for item in first["items"] + second["items"]}) == 4
    assert (await bob.client.get("/search", params={**params, "cursor": first["next_cursor"]})).status_code == 400
    assert await _found(bob, "needle") == []
    for refused in (
        await ann.client.get("/search"),
        await ann.client.get("/search", params={"q": ""}),
        await ann.client.get("/search", params={"q": "x" * 501}),
    ):
        assert refused.status_code == 422
