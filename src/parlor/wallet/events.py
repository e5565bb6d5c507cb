"""What happened to wallets."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from parlor.core.events import Event


@dataclass(frozen=True, kw_only=True)
class WalletCharged(Event):
    """`charge_micros` is above zero; `balance_micros` is what the wallet had posted after it."""

    name: ClassVar[str] = "wallet.charged"
    account_id: UUID
    charge_micros: int
    balance_micros: int
    turn_id: UUID | None
    model: str | None


@dataclass(frozen=True, kw_only=True)
class WalletGranted(Event):
    name: ClassVar[str] = "wallet.granted"
    account_id: UUID
    amount_micros: int
    balance_micros: int
    reference: str
