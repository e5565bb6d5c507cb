"""Credit for the further steps of a turn: T1 holds what the first step may cost, and each later one tops that up before it begins."""

from parlor.core.db import Database, Transaction
from parlor.turns import Fenced, RunningTurn, set_hold
from parlor.wallet import WalletService


class HoldTopUp:
    def __init__(self, db: Database, wallet: WalletService) -> None:
        self._db = db
        self._wallet = wallet

    async def before_step(self, running: RunningTurn, prompt_tokens: int, max_output_tokens: int) -> None:
        """Raise the hold to what is spent so far and the next step at most. Raises InsufficientFunds, which ends the turn as credits_exhausted."""
        turn, used = running.turn, running.usage()
        needed_micros = turn.price.cost_micros(used.input_tokens + prompt_tokens, used.output_tokens + max_output_tokens)
        if needed_micros <= running.hold_micros:
            return

        def top_up(tx: Transaction) -> None:
            if not set_hold(tx, turn.id, running.epoch, needed_micros):
                raise Fenced()
            self._wallet.extend(tx, turn_id=turn.id, amount_micros=needed_micros)

        await self._db.write(top_up)
        running.hold_micros = needed_micros
