"""The health of accounts."""

from collections.abc import Sequence

from parlor.accounts import queries
from parlor.core.db import Database, Transaction
from parlor.core.health import Check, Health, Status


def checks(db: Database) -> Sequence[Check]:
    async def look() -> Health:
        def read(tx: Transaction) -> tuple[int, int]:
            return queries.count_accounts(tx), len(queries.admin_ids(tx))

        accounts, administrators = await db.read(read)
        advice = None if administrators else "There is no administrator yet: open the link that `parlor users setup-link` prints."
        return Health(Status.OK, advice=advice, details={"accounts": accounts, "administrators": administrators})

    return [Check("accounts", look)]
