"""What the wallet holds about a person."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Database
from parlor.wallet import credit_queries, queries, voucher_queries
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
        used, given_back = await self._db.read(lambda tx: (voucher_queries.used_by(tx, account_id), credit_queries.refunds_of(tx, account_id)))
        return {
            "wallet": wallet,
            "wallet_entries": [msgspec.to_builtins(entry) for entry in entries],
            "wallet_vouchers": [msgspec.to_builtins(row._asdict()) for row in used],
            "wallet_refunds": [msgspec.to_builtins(row._asdict()) for row in given_back],
        }

    async def _page(self, account_id: UUID, before: int) -> list[Entry]:
        return [Entry(*row) for row in await self._db.read(lambda tx: queries.entries(tx, account_id, before, PAGE))]

    async def erase(self, account_id: UUID) -> int:
        """The ledger must stay whole, and there is no person in it, only the number of an account that nobody has any more. What goes is what people
        wrote: notes on transactions and vouchers, about this account or by it: docs/payments.md."""
        return await self._db.write(lambda tx: credit_queries.remove_notes(tx, account_id) + voucher_queries.clear_notes(tx, account_id), bulk=True)
