"""What the wallet holds about a person."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Database
from parlor.wallet import queries
from parlor.wallet.ledger import Entry
from parlor.wallet.service import AFTER_THE_LAST, Balance

PAGE = 500


class WalletUserData:
    name = "wallet"

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        row = await self._db.read(lambda tx: queries.find(tx, account_id))
        if row is None:
            return {}
        entries: list[Entry] = []
        while page := await self._page(account_id, entries[-1].number if entries else AFTER_THE_LAST):
            entries += page
        balance = Balance(*row)
        wallet = {"available_micros": balance.available_micros, "held_micros": balance.held_micros, "posted_micros": balance.posted_micros}
        return {"wallet": wallet, "wallet_entries": [msgspec.to_builtins(entry) for entry in entries]}

    async def _page(self, account_id: UUID, before: int) -> list[Entry]:
        return [Entry(*row) for row in await self._db.read(lambda tx: queries.entries(tx, account_id, before, PAGE))]

    async def erase(self, account_id: UUID) -> int:
        """Nothing: the ledger must stay whole, and there is no person in it, only the number of an account that nobody has any more."""
        return 0
