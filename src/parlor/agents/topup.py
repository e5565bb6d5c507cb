"""Credit for the further steps of a turn: T1 holds what the first step may cost, and each later one tops that up before it begins."""

from collections.abc import Iterable

from parlor.core.db import Database, Transaction
from parlor.llm import Offer, Usage
from parlor.turns import Fenced, RunningTurn, set_hold
from parlor.wallet import WalletService


class HoldTopUp:
    def __init__(self, db: Database, wallet: WalletService) -> None:
        self._db = db
        self._wallet = wallet

    async def before_step(self, running: RunningTurn, offers: Iterable[Offer], prompt_tokens: int, max_output_tokens: int) -> None:
        """Raise the hold to what is spent so far and the next step at most, whichever of `offers` answers it.

        Raises InsufficientFunds, which ends the turn as credits_exhausted.
        """
        turn, bill, step = running.turn, running.bill(), Usage(prompt_tokens, max_output_tokens)
        needed_micros = max(bill.cost_micros_with(offer, step) for offer in offers)
        if needed_micros <= running.hold_micros:
            return

        def top_up(tx: Transaction) -> None:
            if not set_hold(tx, turn.id, running.epoch, needed_micros):
                raise Fenced()
            self._wallet.extend(tx, turn_id=turn.id, amount_micros=needed_micros)

        await self._db.write(top_up)
        running.hold_micros = needed_micros
