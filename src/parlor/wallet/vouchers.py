"""Vouchers: credit for whoever knows a code, once per account, and no more often than the voucher says."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from parlor.core.crypto import SecretKey
from parlor.core.db import Database, Transaction
from parlor.core.errors import Invalid
from parlor.core.events import Events
from parlor.core.idempotency import Idempotency
from parlor.core.ids import new_id
from parlor.core.limits import RateLimits
from parlor.wallet import events as happened
from parlor.wallet import voucher_queries as queries
from parlor.wallet.crediting import Credited
from parlor.wallet.credits import Posted, add_credit, check_amount, check_note
from parlor.wallet.errors import InvalidVoucher, NoSuchVoucher, VoucherCodeTaken, VoucherUsed
from parlor.wallet.ledger import Reason
from parlor.wallet.request_keys import RequestKey, claim
from parlor.wallet.service import WalletService
from parlor.wallet.voucher_codes import end_of, hash_of_code, is_suitable, make_code

NEWEST = UUID(int=2**128 - 1)
LONGEST_NOTE = 200
MOST_USES = 1_000_000_000
LATEST = datetime.fromisoformat("9000-01-01T00:00:00+00:00")
"""Later times cannot be told in every zone."""


class IssuedVoucher(msgspec.Struct, frozen=True):
    """`code_end` is all that can be seen of the code later."""

    id: UUID
    code_end: str
    amount_micros: int
    max_uses: int
    use_count: int
    expires_at: datetime | None
    revoked_at: datetime | None
    note: str | None
    made_by: UUID | None
    created_at: datetime


class VoucherOrder(msgspec.Struct, frozen=True):
    """What an administrator asks for. Without a code one is made."""

    amount_micros: int
    max_uses: int = 1
    code: str | None = None
    expires_at: datetime | None = None
    note: str | None = None
    made_by: UUID | None = None


class NewVoucher(msgspec.Struct, frozen=True):
    voucher: IssuedVoucher
    code: str
    is_repeat: bool = False
    """The request with this Idempotency-Key came before, and this is its result again."""


class Vouchers:
    def __init__(self, db: Database, wallet: WalletService, events: Events, idempotency: Idempotency, limits: RateLimits, secret_key: SecretKey) -> None:
        self._db = db
        self._wallet = wallet
        self._events = events
        self._idempotency = idempotency
        self._limits = limits
        self._secret_key = secret_key

    async def create(self, order: VoucherOrder, key: RequestKey | None = None) -> NewVoucher:
        """The only time that the code is shown. Raises VoucherCodeTaken, Invalid, IdempotencyMismatch."""
        voucher_id = new_id()

        def create(tx: Transaction) -> NewVoucher:
            _check(order, tx.now())
            claimed = claim(self._idempotency, tx, key, "vouchers", {"voucher_id": str(voucher_id)})
            if not claimed.is_new:
                return self._created_before(tx, UUID(claimed.result["voucher_id"]), order)
            return self._add(tx, voucher_id, order)

        return await self._db.write(create)

    async def list(self, *, before: UUID | None = None, most: int) -> Sequence[IssuedVoucher]:
        """The newest first."""
        return [IssuedVoucher(*row) for row in await self._db.read(lambda tx: queries.page(tx, before or NEWEST, most))]

    async def revoke(self, voucher_id: UUID) -> IssuedVoucher:
        """From now on nobody can use it; whoever has keeps the credit. Revoking twice is fine. Raises NoSuchVoucher."""

        def revoke(tx: Transaction) -> IssuedVoucher:
            revoked = queries.revoke(tx, voucher_id)
            if revoked is not None:
                self._events.record(tx, happened.VoucherRevoked(account_id=None, voucher_id=voucher_id))
            row = revoked or queries.get(tx, voucher_id)
            if row is None:
                raise NoSuchVoucher
            return IssuedVoucher(*row)

        return await self._db.write(revoke)

    async def use(self, account_id: UUID, code: str, key: RequestKey | None = None) -> Credited:
        """Add the credit of a voucher. Raises InvalidVoucher, VoucherUsed, RateLimited, IdempotencyMismatch."""
        if key is not None and (before := await self._used_before(account_id, code, key)) is not None:
            return before
        await self._limits.hit("voucher_tries_per_account_per_minute", str(account_id))

        def use(tx: Transaction) -> Credited:
            voucher_id = queries.find_by_code(tx, hash_of_code(code))
            if voucher_id is None:
                raise InvalidVoucher
            claimed = claim(self._idempotency, tx, key, "wallet.vouchers", {"voucher_id": str(voucher_id)})
            return Credited(self.redeem(tx, account_id, voucher_id) if claimed.is_new else self._used(tx, account_id, voucher_id), not claimed.is_new)

        return await self._db.write(use)

    def redeem(self, tx: Transaction, account_id: UUID, voucher_id: UUID) -> Posted:
        """Part of the caller's transaction, which must be rolled back when it raises: InvalidVoucher, VoucherUsed."""
        amount_micros = queries.take_use(tx, voucher_id)
        if amount_micros is None:
            raise VoucherUsed if queries.is_used_by(tx, voucher_id, account_id) else InvalidVoucher
        self._wallet.ensure(tx, account_id)
        reason = _reason(account_id, voucher_id)
        posted = add_credit(tx, account_id, amount_micros, "bonus", reason)
        if not posted.is_new:
            raise VoucherUsed
        assert reason.id is not None, "it was made with one"
        queries.add_use(tx, voucher_id, account_id, reason.id)
        used = happened.VoucherUsed(account_id=account_id, voucher_id=voucher_id, amount_micros=amount_micros, balance_micros=posted.balance_micros)
        self._events.record(tx, used)
        return posted

    async def _used_before(self, account_id: UUID, code: str, key: RequestKey) -> Credited | None:
        """Looked up before the limit, so that a repetition is never refused."""

        def find(tx: Transaction) -> Credited | None:
            found = self._idempotency.find(tx, key.account_id, key.key, route="wallet.vouchers", body_hash=key.body_hash)
            return None if found is None else Credited(self._used(tx, account_id, UUID(found.result["voucher_id"])), is_repeat=True)

        return await self._db.read(find)

    def _used(self, tx: Transaction, account_id: UUID, voucher_id: UUID) -> Posted:
        entry = self._wallet.find_entry(tx, account_id, "voucher", _reason(account_id, voucher_id).reference)
        if entry is None:
            raise InvalidVoucher
        return entry

    def _add(self, tx: Transaction, voucher_id: UUID, order: VoucherOrder) -> NewVoucher:
        code = self._code(voucher_id, order)
        row = queries.add(
            tx,
            id=voucher_id,
            code_hash=hash_of_code(code),
            code_end=end_of(code),
            amount_micros=order.amount_micros,
            max_uses=order.max_uses,
            expires_at=order.expires_at,
            note=order.note,
            made_by=order.made_by,
        )
        if row is None:
            raise VoucherCodeTaken
        created = happened.VoucherCreated(
            account_id=order.made_by, voucher_id=voucher_id, amount_micros=order.amount_micros, max_uses=order.max_uses, expires_at=order.expires_at
        )
        self._events.record(tx, created)
        return NewVoucher(IssuedVoucher(*row), code)

    def _created_before(self, tx: Transaction, voucher_id: UUID, order: VoucherOrder) -> NewVoucher:
        row = queries.get(tx, voucher_id)
        assert row is not None, "vouchers are revoked, never deleted"
        return NewVoucher(IssuedVoucher(*row), self._code(voucher_id, order), is_repeat=True)

    def _code(self, voucher_id: UUID, order: VoucherOrder) -> str:
        """Made from the voucher's id and the installation's secret, so that it need not be stored to be told again to whoever repeats the request."""
        return order.code or make_code(self._secret_key.derive(f"voucher code {voucher_id}"))


def _reason(account_id: UUID, voucher_id: UUID) -> Reason:
    """The reference has both ids: with the ledger's uniqueness a voucher is used once per account."""
    return Reason("voucher", f"{voucher_id}:{account_id}", "Voucher", id=new_id())


def _check(order: VoucherOrder, now: datetime) -> None:
    check_amount(order.amount_micros)
    if order.note is not None:
        check_note(order.note, LONGEST_NOTE)
    if not 1 <= order.max_uses <= MOST_USES:
        raise Invalid(f"A voucher is used 1 to {MOST_USES} times.")
    if order.code is not None and not is_suitable(order.code):
        raise Invalid("A code is 4 to 64 letters and digits; dashes, spaces and underscores are not counted.")
    if order.expires_at is not None and not now < order.expires_at < LATEST:
        raise Invalid("A voucher expires in the future, and before the year 9000.")
