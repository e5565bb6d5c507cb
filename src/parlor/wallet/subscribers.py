"""What the wallet does when something happens elsewhere."""

from collections.abc import Sequence

from parlor.accounts import UserRegistered
from parlor.core.db import Transaction
from parlor.core.events import Subscriber
from parlor.wallet.service import WalletService


def subscribers(wallet: WalletService) -> Sequence[Subscriber]:
    def open_wallet(tx: Transaction, event: UserRegistered) -> None:
        if event.account_id is not None:
            wallet.ensure(tx, event.account_id, with_bonus=not event.is_returning)

    # inside the transaction: no account is ever seen without its wallet
    return (Subscriber("wallet.open", "user.registered", open_wallet, inside=True),)
