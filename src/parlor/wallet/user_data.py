"""What the wallet holds about a person."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from msgspec.structs import asdict

from parlor.core.db import Database, Transaction
from parlor.core.userdata import each_row
from parlor.wallet import budget_queries, credit_queries, queries, voucher_queries
from parlor.wallet.ledger import Entry
from parlor.wallet.service import AFTER_THE_LAST, Balance
from parlor.wallet.usage import LONGEST, Stretch, UsageReport

PAGE = 500


class WalletUserData:
    name = "wallet"
    tables = ("wallets", "holds", "ledger_entries", "ledger_transactions", "ledger_notes", "voucher_uses", "budgets", "budget_uses")
    describes: ClassVar[Mapping[str, str]] = {
        "wallet": "The balance, in millionths of a credit.",
        "wallet_entries": "Every movement of credit, newest first, and why it was made.",
        "wallet_vouchers": "Vouchers that were used.",
        "wallet_refunds": "Charges that were given back.",
        "wallet_budgets": "The most that the account, or one of its API keys (`owner_id` is either), may spend in a day, a month or altogether.",
        "wallet_usage": "Turns, tokens and what they cost, by the day (UTC) on which they began, for the last three years.",
    }

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        row = await self._db.read(lambda tx: queries.find(tx, account_id))
        if row is None:
            return {}
        balance = Balance(*row)
        wallet = {"available_micros": balance.available_micros, "held_micros": balance.held_micros, "posted_micros": balance.posted_micros}
        used, given_back, limits = await self._db.read(
            lambda tx: (voucher_queries.used_by(tx, account_id), credit_queries.refunds_of(tx, account_id), budget_queries.all_of_account(tx, account_id))
        )
        usage = await UsageReport(self._db).read(account_id, Stretch(datetime.now(UTC) - LONGEST, datetime.now(UTC) + timedelta(days=1)), "day")
        return {
            "wallet": wallet,
            "wallet_entries": each_row(self._db, lambda tx, last: _page(tx, account_id, last)),
            "wallet_vouchers": [msgspec.to_builtins(row._asdict()) for row in used],
            "wallet_refunds": [msgspec.to_builtins(row._asdict()) for row in given_back],
            "wallet_budgets": [msgspec.to_builtins(row._asdict()) for row in limits],
            "wallet_usage": [asdict(item) for item in usage.items],
        }

    async def erase(self, account_id: UUID) -> int:
        """The ledger must stay whole, and there is no person in it, only the number of an account that nobody has any more. What goes is what people
        wrote: notes on transactions and vouchers, about this account or by it: docs/payments.md. And budgets, which limit nobody any more."""

        def erase(tx: Transaction) -> int:
            notes = credit_queries.remove_notes(tx, account_id) + voucher_queries.clear_notes(tx, account_id)
            return notes + budget_queries.remove_all(tx, account_id)

        return await self._db.write(erase, bulk=True)


def _page(tx: Transaction, account_id: UUID, last: Entry | None) -> list[Entry]:
    return [Entry(*row) for row in queries.entries(tx, account_id, last.number if last else AFTER_THE_LAST, PAGE)]
