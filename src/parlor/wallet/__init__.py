"""Who has how much credit, and why: a double-entry ledger in integer micro-credits, and holds for what is being spent.

Owns balances, holds, the ledger and what a price is. Which model costs what belongs to the llm room, when a turn is charged to the turns room.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports
from parlor.wallet.errors import (
    BudgetExceeded,
    HoldClosed,
    InsufficientFunds,
    InvalidVoucher,
    NoSuchCharge,
    NoSuchHold,
    ReferenceUsed,
    RefundTooLarge,
    VoucherUsed,
)
from parlor.wallet.price import MOST_MICROS, Price, SetPrice
from parlor.wallet.purpose import HoldFor
from parlor.wallet.settings import WalletSettings

if TYPE_CHECKING:
    from parlor.wallet.credits import Note, Posted
    from parlor.wallet.events import PriceChanged, WalletCharged, WalletGranted, WalletLowBalance, WalletRefunded
    from parlor.wallet.ledger import Entry
    from parlor.wallet.price_book import CurrentPrices, PriceBook, PriceRecord
    from parlor.wallet.refunds import Refunds
    from parlor.wallet.service import Balance, Hold, Settlement, WalletService
    from parlor.wallet.vouchers import VoucherOrder, Vouchers

__all__ = [
    "MOST_MICROS", "Balance", "BudgetExceeded", "CurrentPrices", "Entry", "Hold", "HoldClosed", "HoldFor", "InsufficientFunds", "InvalidVoucher",
    "NoSuchCharge", "NoSuchHold", "Note", "Posted", "Price", "PriceBook", "PriceChanged", "PriceRecord", "ReferenceUsed", "RefundTooLarge", "Refunds",
    "SetPrice", "Settlement", "VoucherOrder", "VoucherUsed", "Vouchers", "WalletCharged", "WalletGranted", "WalletLowBalance", "WalletRefunded",
    "WalletService", "WalletSettings",
]  # fmt: skip


__getattr__ = exports(
    __name__,
    {
        "credits": "Note Posted",
        "events": "PriceChanged WalletCharged WalletGranted WalletLowBalance WalletRefunded",
        "ledger": "Entry",
        "price_book": "CurrentPrices PriceBook PriceRecord",
        "refunds": "Refunds",
        "vouchers": "VoucherOrder Vouchers",
        "service": "Balance Hold Settlement WalletService",
    },
)
