"""What a module stores about a person: the pieces of export and erasure."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID


class UserData(Protocol):
    """One module's answer to "what do you hold about this account?". Both run in pages of their own transactions and may run twice."""

    name: str

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        """JSON-ready values, keyed by the file name (without ending) they get in the export."""
        ...

    async def erase(self, account_id: UUID) -> int:
        """Remove or unname everything of this account; returns how many rows or objects were touched."""
        ...
