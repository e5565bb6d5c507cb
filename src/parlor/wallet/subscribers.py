"""What the wallet does when something happens elsewhere."""

from collections.abc import Sequence

from parlor.accounts import ApiKeyCreated, UserRegistered
from parlor.core.db import Transaction
from parlor.core.events import Subscriber
from parlor.wallet.budget_book import BudgetBook
from parlor.wallet.service import WalletService


def subscribers(wallet: WalletService) -> Sequence[Subscriber]:
    def open_wallet(tx: Transaction, event: UserRegistered) -> None:
        if event.account_id is not None:
            wallet.ensure(tx, event.account_id, with_bonus=not event.is_returning)

    # inside the transaction: no account is ever seen without its wallet
    return (Subscriber("wallet.open", "user.registered", open_wallet, inside=True),)


def budget_subscribers(budgets: BudgetBook) -> Sequence[Subscriber]:
    """A key that was revoked keeps its budget: what it had begun still counts, and its owner still sees what it came to."""

    def set_budget(tx: Transaction, event: ApiKeyCreated) -> None:
        if event.account_id is not None and event.budget_micros is not None:
            budgets.set(tx, event.account_id, event.api_key_id, {"total": event.budget_micros})

    # inside the transaction: no key is ever there without its limit
    return (Subscriber("wallet.key_budget", "api_key.created", set_budget, inside=True),)
