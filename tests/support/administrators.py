"""Somebody who may do to others what only administrators may."""

from uuid import UUID

from parlor.accounts import Administration
from tests.support.chat import PASSWORD, Person, client_of
from tests.support.house import ServedHouse


async def administrator(house: ServedHouse) -> Person:
    """A new account, promoted and signed in again: the promotion has ended its first sign-in."""
    person = await house.person()
    await (await house.get(Administration)).change(UUID(person.id), role="admin")
    async with client_of(house.base_url) as stranger:
        account = (await stranger.post("/auth/login", json={"login": person.email, "password": PASSWORD})).json()
    return Person(await house.stack.enter_async_context(client_of(house.base_url, account["access_token"])), account)
