"""Who has how much credit, and why: a double-entry ledger in integer micro-credits, and holds for what is being spent.

Owns balances, holds, the ledger and what a price is. Which model costs what belongs to the llm room, when a turn is charged to the turns room.
"""

from typing import TYPE_CHECKING, Any

from parlor.wallet.errors import HoldClosed, InsufficientFunds, NoSuchHold, ReferenceUsed
from parlor.wallet.price import Price
from parlor.wallet.settings import WalletSettings

if TYPE_CHECKING:
    from parlor.wallet.events import WalletCharged, WalletGranted
    from parlor.wallet.service import Balance, Entry, Hold, Settlement, WalletService

_HOMES = {"Balance": "service", "Entry": "service", "Hold": "service", "Settlement": "service", "WalletService": "service"} | {
    "WalletCharged": "events",
    "WalletGranted": "events",
}

__all__ = [
    "Balance",
    "Entry",
    "Hold",
    "HoldClosed",
    "InsufficientFunds",
    "NoSuchHold",
    "Price",
    "ReferenceUsed",
    "Settlement",
    "WalletCharged",
    "WalletGranted",
    "WalletService",
    "WalletSettings",
]


def __getattr__(name: str) -> Any:
    """The service comes with the tables and the database: a command that only needs settings does not load them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
