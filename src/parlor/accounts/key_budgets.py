"""What a key may spend: accounts ask, and whoever keeps the money answers."""

from collections.abc import Iterable, Mapping
from typing import Protocol
from uuid import UUID

import msgspec

from parlor.core.db import Transaction


class KeyBudget(msgspec.Struct, frozen=True):
    """The most that a key may spend altogether, and what it has spent or holds of that."""

    limit_micros: int
    used_micros: int


class KeyBudgets(Protocol):
    """A budget comes into being with `api_key.created`, inside the transaction that makes the key."""

    def of(self, tx: Transaction, key_ids: Iterable[UUID], /) -> Mapping[UUID, KeyBudget]:
        """Those of these keys that have one."""
        ...


class NoKeyBudgets:
    """Where no module keeps money: no key has a budget, and none can be made with one."""

    def of(self, tx: Transaction, key_ids: Iterable[UUID], /) -> Mapping[UUID, KeyBudget]:
        return {}
