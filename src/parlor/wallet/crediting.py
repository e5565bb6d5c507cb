"""Grants and refunds as administrators and payment systems ask for them: to any account, and each once."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from parlor.accounts import AccountDirectory, AccountNotFound
from parlor.core.db import Database, Transaction
from parlor.core.idempotency import Idempotency
from parlor.wallet.credits import Note, Posted
from parlor.wallet.refunds import Refunds
from parlor.wallet.request_keys import RequestKey, claim
from parlor.wallet.service import WalletService


class Credited(msgspec.Struct, frozen=True):
    """What was posted. `is_repeat`: the request with this Idempotency-Key came before, and this is its result again."""

    posted: Posted
    is_repeat: bool = False


class Crediting:
    def __init__(self, db: Database, directory: AccountDirectory, idempotency: Idempotency, wallet: WalletService, refunds: Refunds) -> None:
        self._db = db
        self._directory = directory
        self._idempotency = idempotency
        self._wallet = wallet
        self._refunds = refunds

    async def grant(self, account_id: UUID, amount_micros: int, *, reference: str, note: Note | None = None, key: RequestKey | None = None) -> Credited:
        """Raises AccountNotFound, ReferenceUsed, Invalid, IdempotencyMismatch."""

        def grant(tx: Transaction) -> Posted:
            self._check_account(tx, account_id)
            return self._wallet.grant(tx, account_id, amount_micros, reference=reference, note=note)

        return await self._once("grants", key, reference, grant)

    async def refund(
        self,
        account_id: UUID,
        *,
        reference: str,
        turn_id: UUID | None = None,
        entry_id: UUID | None = None,
        amount_micros: int | None = None,
        note: Note | None = None,
        key: RequestKey | None = None,
    ) -> Credited:
        """Of the charge of a turn or of a ledger entry, all that is left of it unless an amount is given.

        Raises AccountNotFound, NoSuchCharge, RefundTooLarge, ReferenceUsed, Invalid, IdempotencyMismatch.
        """

        def refund(tx: Transaction) -> Posted:
            self._check_account(tx, account_id)
            charge_id = self._refunds.charge_of(tx, account_id, turn_id=turn_id, entry_id=entry_id)
            return self._refunds.refund(tx, account_id, charge_id, reference=reference, amount_micros=amount_micros, note=note)

        return await self._once("refunds", key, reference, refund)

    async def _once(self, route: str, key: RequestKey | None, reference: str, post: Callable[[Transaction], Posted]) -> Credited:
        """The reference makes it once; the key only tells another request from the same one. So a repetition posts again, and gets the first entry."""

        def claim_and_post(tx: Transaction) -> Credited:
            claimed = claim(self._idempotency, tx, key, route, {"reference": reference})
            return Credited(post(tx), is_repeat=not claimed.is_new)

        return await self._db.write(claim_and_post)

    def _check_account(self, tx: Transaction, account_id: UUID) -> None:
        if self._directory.find(tx, account_id) is None:
            raise AccountNotFound
