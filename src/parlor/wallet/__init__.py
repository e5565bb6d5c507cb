"""Who has how much credit, and why: a double-entry ledger in integer micro-credits, and holds for what is being spent.

Owns balances, holds, the ledger and what a price is. Which model costs what belongs to the llm room, when a turn is charged to the turns room.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports
from parlor.wallet.errors import HoldClosed, InsufficientFunds, NoSuchHold, ReferenceUsed
from parlor.wallet.price import Price
from parlor.wallet.purpose import HoldFor
from parlor.wallet.settings import WalletSettings

if TYPE_CHECKING:
    from parlor.wallet.events import WalletCharged, WalletGranted
    from parlor.wallet.service import Balance, Entry, Hold, Settlement, WalletService

__all__ = [
    "Balance",
    "Entry",
    "Hold",
    "HoldClosed",
    "HoldFor",
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


__getattr__ = exports(__name__, {"events": "WalletCharged WalletGranted", "service": "Balance Entry Hold Settlement WalletService"})
