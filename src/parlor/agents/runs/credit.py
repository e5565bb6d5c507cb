"""Credit for the calls of models of one turn: T1 holds what the first may cost, and each later one raises that before it begins."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from parlor.core.db import Database, Transaction
from parlor.llm import Offer, Usage
from parlor.turns import Fenced, RunningTurn, set_hold
from parlor.wallet import WalletService


class TurnCredit:
    """Of one running turn, for all who call models in it."""

    def __init__(self, db: Database, wallet: WalletService, running: RunningTurn) -> None:
        self._db = db
        self._wallet = wallet
        self._running = running
        self._reserved: dict[int, tuple[Sequence[Offer], Usage]] = {}
        self._count = 0
        self._raising = asyncio.Lock()

    @asynccontextmanager
    async def reserved(self, offers: Sequence[Offer], prompt_tokens: int, max_output_tokens: int) -> AsyncGenerator[None]:
        """While one call runs, the hold covers what was spent so far and the most that every call of now may cost, whichever of `offers` answers it.

        Raises InsufficientFunds, which ends the turn as credits_exhausted, and Fenced.
        """
        self._count = number = self._count + 1
        self._reserved[number] = (offers, Usage(prompt_tokens, max_output_tokens))
        try:
            await self._cover()
            yield
        finally:
            del self._reserved[number]

    async def _cover(self) -> None:
        if self._needed_micros() <= self._running.hold_micros:
            return
        async with self._raising:  # the hold of a call that asked later must not be lowered by one that asked before
            needed_micros = self._needed_micros()
            if needed_micros > self._running.hold_micros:
                await self._raise_to(needed_micros)

    async def _raise_to(self, needed_micros: int) -> None:
        """Whoever is cancelled meanwhile waits for it all the same: what is held must be known here, or the next one would hold less than that."""
        raising = asyncio.ensure_future(self._db.write(lambda tx: self._top_up(tx, needed_micros)))
        try:
            await asyncio.shield(raising)
        finally:
            await asyncio.wait([raising])
            if not raising.cancelled() and raising.exception() is None:
                self._running.hold_micros = needed_micros

    def _needed_micros(self) -> int:
        bill = self._running.bill()
        for offers, usage in self._reserved.values():
            bill = max((bill.with_usage(offer, usage) for offer in offers), key=lambda each: each.cost_micros)
        return bill.cost_micros

    def _top_up(self, tx: Transaction, needed_micros: int) -> None:
        turn_id = self._running.turn.id
        if not set_hold(tx, turn_id, self._running.epoch, needed_micros):
            raise Fenced()
        self._wallet.extend(tx, turn_id=turn_id, amount_micros=needed_micros)


class TurnCredits:
    def __init__(self, db: Database, wallet: WalletService) -> None:
        self._db = db
        self._wallet = wallet

    def of(self, running: RunningTurn) -> TurnCredit:
        return TurnCredit(self._db, self._wallet, running)
