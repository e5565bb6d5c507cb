"""Which addresses had an account that was erased: so that nobody collects the welcome bonus again and again.

Kept is a keyed hash of the address, which only this installation can make, and for a limited time. See docs/privacy.md.
"""

import hmac
from datetime import timedelta

from parlor.accounts import erasure_queries as queries
from parlor.accounts.settings import AuthSettings
from parlor.core.crypto import SecretKey
from parlor.core.db import Transaction

PAGE = 500


class ErasedAddresses:
    def __init__(self, settings: AuthSettings, key: SecretKey) -> None:
        self._kept = timedelta(days=settings.erased_address_days)
        self._key = key.derive("erased addresses")

    def remember(self, tx: Transaction, email: str) -> None:
        """`email` in its one spelling."""
        if self._kept:
            queries.remember_address(tx, self._mark(email))

    def knows(self, tx: Transaction, email: str) -> bool:
        return queries.knows_address(tx, self._mark(email))

    def prune_page(self, tx: Transaction) -> bool:
        """Forget some that were kept long enough. True while there may be more."""
        return queries.forget_addresses(tx, tx.now() - self._kept, PAGE) == PAGE

    def _mark(self, email: str) -> bytes:
        return hmac.digest(self._key, email.encode(), "sha256")
