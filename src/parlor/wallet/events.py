"""What happened to wallets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from parlor.core.events import Event


class WalletCharged(Event, frozen=True, kw_only=True):
    """`charge_micros` is above zero; `balance_micros` is what the wallet had posted after it."""

    name: ClassVar[str] = "wallet.charged"
    account_id: UUID
    charge_micros: int
    balance_micros: int
    turn_id: UUID | None
    model: str | None


class BudgetChanged(Event, frozen=True, kw_only=True):
    """Of the account, or of the API key `owner_id`. `limits`, by day, month and total, holds what changed: None was taken away."""

    name: ClassVar[str] = "wallet.budget_changed"
    account_id: UUID
    owner_id: UUID
    limits: Mapping[Any, int | None]


class WalletGranted(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "wallet.granted"
    account_id: UUID
    amount_micros: int
    balance_micros: int
    reference: str


class WalletRefunded(Event, frozen=True, kw_only=True):
    """All or a part of a charge was given back. `turn_id` is that of the charge, if it was one of a turn."""

    name: ClassVar[str] = "wallet.refunded"
    account_id: UUID
    amount_micros: int
    balance_micros: int
    reference: str
    charge_id: UUID
    turn_id: UUID | None


class WalletLowBalance(Event, frozen=True, kw_only=True):
    """A charge has taken the posted balance below the threshold. Told once for each time that it gets there; what is held counts as not available."""

    name: ClassVar[str] = "wallet.low_balance"
    account_id: UUID
    available_micros: int
    balance_micros: int
    threshold_micros: int


class VoucherCreated(Event, frozen=True, kw_only=True):
    """`account_id` is the administrator's; None at the command line."""

    name: ClassVar[str] = "voucher.created"
    voucher_id: UUID
    amount_micros: int
    max_uses: int
    expires_at: datetime | None


class VoucherRevoked(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "voucher.revoked"
    voucher_id: UUID


class VoucherUsed(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "voucher.used"
    account_id: UUID
    voucher_id: UUID
    amount_micros: int
    balance_micros: int


class PriceChanged(Event, frozen=True, kw_only=True):
    """`account_id` is the administrator who set it, None at the command line."""

    name: ClassVar[str] = "wallet.price_changed"
    model: str
    input_micros_per_mtok: int
    output_micros_per_mtok: int

    @property
    def aggregate(self) -> str:
        return f"price of {self.model}"
