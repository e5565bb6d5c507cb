"""Background work of the wallet."""

from collections.abc import Mapping, Sequence
from typing import Any

from parlor.core.db import Database
from parlor.core.jobs import Job
from parlor.wallet import queries
from parlor.wallet.service import WalletService


def jobs(db: Database, wallet: WalletService) -> Sequence[Job]:
    async def expire_holds(args: Mapping[str, Any]) -> None:
        while await db.read(lambda tx: queries.expired(tx, 1)):
            await db.write(wallet.expire_holds)

    return (Job("wallet.expire_holds", expire_holds, every_seconds=60, first_after_seconds=30),)
