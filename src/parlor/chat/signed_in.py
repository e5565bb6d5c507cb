"""Somebody has signed in where a tool of theirs wanted them to: turns that wait for just that go on by themselves."""

from parlor.chat.resuming import Resumption
from parlor.core.events import StoredEvent


class SignedIn:
    def __init__(self, resumption: Resumption) -> None:
        self._resumption = resumption

    async def at_server(self, event: StoredEvent) -> None:
        if event.account_id is not None:
            await self._resumption.signed_in(event.account_id, f"signin:{event.body['server']}")

    async def at_toolkit(self, event: StoredEvent) -> None:
        if event.account_id is not None:
            await self._resumption.signed_in(event.account_id, f"composio:{event.body['toolkit']}")
