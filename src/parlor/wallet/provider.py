"""How the services of the wallet are built."""

from dishka import Provider, Scope

from parlor.accounts import KeyBudgets
from parlor.wallet.budget_book import BudgetBook
from parlor.wallet.crediting import Crediting
from parlor.wallet.price_book import CurrentPrices, PriceBook
from parlor.wallet.refunds import Refunds
from parlor.wallet.service import WalletService
from parlor.wallet.usage import UsageReport
from parlor.wallet.user_data import WalletUserData
from parlor.wallet.vouchers import Vouchers


def wallet_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide_all(BudgetBook, Crediting, CurrentPrices, PriceBook, Refunds, UsageReport, Vouchers, WalletService, WalletUserData)
    provider.alias(BudgetBook, provides=KeyBudgets)
    return provider
