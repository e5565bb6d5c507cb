"""Statements about the stored state that must hold at every commit, checked by one loop."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from parlor.core.db import Database, Transaction


class Invariant(msgspec.Struct, frozen=True):
    """`violations` reads the database and returns one sentence for each thing that is wrong: none means that it holds."""

    code: str
    statement: str
    violations: Callable[[Transaction], Iterable[str]]


class Violation(msgspec.Struct, frozen=True):
    code: str
    sentence: str


async def check_invariants(db: Database, invariants: Sequence[Invariant]) -> list[Violation]:
    """Every violation of every invariant, all seen in one snapshot of the database."""

    def look(tx: Transaction) -> list[Violation]:
        return [Violation(each.code, sentence) for each in invariants for sentence in each.violations(tx)]

    return await db.read(look, snapshot=True)
