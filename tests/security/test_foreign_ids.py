"""SEC-01, SEC-03, SEC-04: someone else's object answers exactly as a missing one, in every place that takes an id (found in OpenAPI)."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from parlor.core.ids import new_id
from tests.security.operations import Operation, operations, root_of
from tests.security.operations import is_id as takes_an_id
from tests.security.site import Scene, Site, comparable

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLACES = {
    ("branch", "query"), ("message_id", "body"), ("parent_id", "body"), ("session_id", "path"), ("turn_id", "path"), ("user_id", "path"),
    ("session_id", "body"), ("entry_id", "body"), ("turn_id", "body"), ("voucher_id", "path"), ("sign_in_id", "path"), ("api_key_id", "path"),
    ("question_id", "path"), ("customization_id", "path"), ("connection_id", "path"), ("connection_id", "body"),
}  # fmt: skip
"""Everything that takes an id, to see that the search finds them."""


def places(operation: Operation) -> Iterator[tuple[str, str]]:
    for name, schema in operation.parameters.items():
        if takes_an_id(schema):
            yield name, "path" if f"{{{name}}}" in operation.path else "query"
    yield from ((name, "body") for name, schema in operation.fields().items() if takes_an_id(schema))


async def put(client: httpx2.AsyncClient, operation: Operation, mine: Scene, name: str, where: str, value: str) -> httpx2.Response:
    body: Any = operation.body(mine)
    url = operation.url(mine)
    if where == "body":
        body = {**(body or {}), name: value}
    else:
        url = operation.url(mine, **{name: value})
    return await client.request(operation.method, root_of(client) + url, json=body)


async def test_the_id_of_another_persons_object_is_that_of_nothing(site: Site) -> None:
    mine, theirs = await site.scene(), await site.scene()
    before = await theirs.seen()
    found: set[tuple[str, str]] = set()
    for operation in operations(await site.openapi()):
        for name, where in places(operation):
            found.add((name, where))
            missing = str(new_id())
            nothing = await put(mine.owner.client, operation, mine, name, where, missing)
            assert nothing.status_code == (403 if operation.is_for_administrators else 404), f"{operation.name} {name}: {nothing.text}"
            for foreign in (theirs.session_id, theirs.turn_id, theirs.question_id, theirs.answer_id, theirs.owner.id):
                answer = await put(mine.owner.client, operation, mine, name, where, foreign)
                assert comparable(answer, foreign) == comparable(nothing, missing), f"{operation.name} {name}"
    assert found == PLACES
    assert await theirs.seen() == before


async def test_a_child_of_another_parent_is_not_found(site: Site) -> None:
    """SEC-04, BAD-41: both are one's own, and do not belong together."""
    mine = await site.scene()
    elsewhere = await site.scene(mine.owner)
    before = await mine.seen(), await elsewhere.seen()
    client, path = mine.owner.client, f"/sessions/{mine.session_id}"
    answers = [
        await client.post(f"{path}/messages", json={"content": "Hello?", "parent_id": elsewhere.answer_id}),
        await client.post(f"{path}/regenerate", json={"message_id": elsewhere.answer_id}),
        await client.post(f"{path}/fork", json={"message_id": elsewhere.answer_id}),
        await client.get(f"{path}/messages", params={"branch": elsewhere.answer_id}),
        await client.get(f"{path}/memory", params={"branch": elsewhere.answer_id}),
        await client.delete(f"{path}/summary", params={"branch": elsewhere.answer_id}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "chat.no_such_message")] * 6
    assert (await mine.seen(), await elsewhere.seen()) == before


async def test_a_page_of_another_persons_list_cannot_be_asked_for(site: Site) -> None:
    """BAD-26: a cursor carries no right, and one of somebody else's list is refused."""
    mine, theirs = await site.scene(), await site.scene()
    await site.scene(mine.owner)
    await site.scene(theirs.owner)
    lists: list[tuple[str, dict[str, Any]]] = [("/sessions", {}), ("/search", {"q": "weather"}), (f"/sessions/{theirs.session_id}/messages", {})]
    for path, params in lists:
        cursor = (await theirs.owner.client.get(path, params={**params, "limit": 1})).json()["next_cursor"]
        assert cursor, path
        own = path.replace(theirs.session_id, mine.session_id)
        answer = await mine.owner.client.get(own, params={**params, "limit": 1, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "request.bad_cursor"), path


async def test_the_search_finds_nothing_of_others(site: Site) -> None:
    """SEC-10 for messages: a word that only one person has used."""
    theirs, mine = await site.scene(), await site.scene()
    await theirs.owner.person.ask(theirs.session_id, "The secret garden is at Quxlandia.")
    for client, found in ((theirs.owner.client, 1), (mine.owner.client, 0), (site.admin.client, 0)):
        assert len((await client.get("/search", params={"q": "Quxlandia"})).json()["items"]) == found


async def test_a_deleted_session_is_gone_for_its_owner_too(site: Site) -> None:
    scene = await site.scene()
    client = scene.owner.client
    assert (await client.delete(f"/sessions/{scene.session_id}")).status_code == 204
    for path in (f"/sessions/{scene.session_id}", f"/sessions/{scene.session_id}/messages", f"/turns/{scene.turn_id}", f"/turns/{scene.turn_id}/events"):
        assert (await client.get(path)).status_code == 404, path
    assert (await client.get("/search", params={"q": "weather"})).json()["items"] == []
