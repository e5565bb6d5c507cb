"""Runs turns: each as a supervised task that belongs to no HTTP request, ended by T4, checkpointed and leased meanwhile."""

import asyncio
import functools
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from parlor.core.db import Database, Transaction
from parlor.core.errors import ParlorError, PaymentRequired, StorageFull, Unavailable
from parlor.core.ids import new_id
from parlor.llm import ModelFailed
from parlor.turns import queries, question_queries
from parlor.turns.closing import Closing, TurnCloser
from parlor.turns.errors import Fenced, QuestionClosed, ShuttingDown, TooManyTurns, TurnFailure, TurnInProgress
from parlor.turns.events import TurnStarted
from parlor.turns.log import TurnLog
from parlor.turns.pausing import Pause, TurnPauser
from parlor.turns.questions import Paused
from parlor.turns.running import Ending, NewTurn, RunningTurn, Work
from parlor.turns.segments import Numbered, parts_of, results_missing
from parlor.turns.settings import TurnSettings
from parlor.turns.states import Reason, TurnState

T = TypeVar("T")

logger = structlog.get_logger("parlor.turns")

STORE_SECONDS = 5
"""On shutdown, how long the ends of interrupted turns may take to be stored."""

_STOPPED = Ending(TurnState.STOPPED, Reason.STOPPED_BY_USER)
_INTERRUPTED = Ending(TurnState.INTERRUPTED, Reason.SERVER_RESTART)
_LOST = Ending(TurnState.INTERRUPTED, Reason.STORAGE)


class TurnEngine:
    """One a process. `owner` is this process in leases."""

    def __init__(self, db: Database, closer: TurnCloser, pauser: TurnPauser, settings: TurnSettings) -> None:
        self._db = db
        self._closer = closer
        self._pauser = pauser
        self._settings = settings
        self.owner = new_id()
        self._running: dict[UUID, RunningTurn] = {}
        self._finished: dict[UUID, RunningTurn] = {}
        self._finished_at: deque[tuple[float, UUID]] = deque()
        self._waiting: dict[UUID, asyncio.Event] = {}
        self._per_account: dict[UUID, int] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._is_draining = False
        self._is_closed = False

    def admit(self, account_id: UUID) -> None:
        """Before T1. Raises ShuttingDown and TooManyTurns."""
        if self._is_draining:
            raise ShuttingDown(retry_after_seconds=2)
        if self._per_account.get(account_id, 0) >= self._settings.per_account_most:
            raise TooManyTurns(retry_after_seconds=5)

    def create(self, tx: Transaction, turn: NewTurn, work: Work) -> None:
        """The turn's row, as part of T1. Once that is committed the turn runs, whether or not anybody still waits. Raises TurnInProgress."""
        is_new = queries.insert_turn(
            tx,
            **{"id": turn.id, "account_id": turn.account_id, "session_id": turn.session_id, "question_id": turn.question_id, "answer_id": turn.answer_id},
            **{"agent": turn.agent, "model": turn.model, "epoch": 1, "prompt_tokens_estimate": turn.prompt_tokens_estimate, "hold_micros": turn.hold_micros},
            **{"lease_owner": self.owner, "lease_expires_at": tx.now() + timedelta(seconds=self._settings.lease_seconds), "started_at": tx.now()},
            **{"input_micros_per_mtok": turn.price.input_micros_per_mtok, "output_micros_per_mtok": turn.price.output_micros_per_mtok},
            price_version_id=turn.price.version_id,
        )
        if not is_new:
            raise TurnInProgress()
        tx.after_commit(lambda: self.launch(turn, work))

    def resume(self, tx: Transaction, turn: NewTurn, old_epoch: int, earlier: Sequence[Numbered], work: Work) -> None:
        """Go on with a turn that waited, in a new epoch, once this transaction is committed. `earlier` is its whole log so far.

        `turn.hold_micros` is what is held for it from now on. Raises QuestionClosed when it does not wait any more.
        """
        until = tx.now() + timedelta(seconds=self._settings.lease_seconds)
        if not question_queries.resume_turn(tx, turn.id, old_epoch=old_epoch, hold_micros=turn.hold_micros, lease_owner=self.owner, lease_expires_at=until):
            raise QuestionClosed()
        tx.after_commit(lambda: self._start(self._leased(turn, old_epoch + 1, earlier), work))

    def launch(self, turn: NewTurn, work: Work) -> None:
        running = self._leased(turn, 1)
        running.emit(TurnStarted(session_id=turn.session_id, message_id=turn.question_id, agent=turn.agent, model=turn.model))
        self._start(running, work)

    def _leased(self, turn: NewTurn, epoch: int, earlier: Sequence[Numbered] = ()) -> RunningTurn:
        return RunningTurn(turn, epoch, time.monotonic() + self._settings.lease_seconds, earlier)

    def _start(self, running: RunningTurn, work: Work) -> None:
        turn = running.turn
        self._running[turn.id] = running
        self._per_account[turn.account_id] = self._per_account.get(turn.account_id, 0) + 1
        running.task = asyncio.create_task(self._run(running, work), name=f"turn {turn.id}")
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._tick_for_ever(), name="turn checkpoints")
        if (waiting := self._waiting.pop(turn.id, None)) is not None:
            waiting.set()

    def running(self, turn_id: UUID) -> RunningTurn | None:
        return self._running.get(turn_id)

    def log_of(self, turn_id: UUID, account_id: UUID) -> TurnLog | None:
        """The log in memory: of a turn that runs here, or ended here a moment ago."""
        running = self._running.get(turn_id) or self._finished.get(turn_id)
        return running.log if running is not None and running.turn.account_id == account_id else None

    async def wait_for(self, turn_id: UUID, seconds: float) -> None:
        """Until this turn runs here, or `seconds` have passed."""
        waiter = self._waiting.setdefault(turn_id, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await waiter.wait()
        except TimeoutError:
            if not waiter.is_set() and self._waiting.get(turn_id) is waiter:
                del self._waiting[turn_id]

    def count(self) -> int:
        return len(self._running)

    def late_leases(self) -> int:
        """Turns here whose lease has not been renewed in time: the database does not take our writes."""
        late = time.monotonic() + self._settings.lease_seconds - 2 * self._settings.renew_seconds
        return sum(running.lease_until < late for running in self._running.values())

    def stop(self, turn_id: UUID) -> bool:
        """Stop a turn that runs here, closing its upstream connection at once. False when it does not run here, or is ending."""
        running = self._running.get(turn_id)
        return running is not None and running.cancel(_STOPPED)

    async def _run(self, running: RunningTurn, work: Work) -> None:
        try:
            outcome = await self._work(running, work)
            running.is_ending = True
            if isinstance(outcome, Paused):
                await self._pause(running, outcome)
            else:
                await self._close(running, outcome)
        except Fenced:
            logger.warning("turn.fenced", turn_id=str(running.turn.id))
        except Exception:
            # the sweep ends it when its lease is over
            logger.exception("turn.died", turn_id=str(running.turn.id))
        finally:
            self._forget(running)

    async def _work(self, running: RunningTurn, work: Work) -> Ending | Paused:
        running.has_begun = True
        if running.cancelled_as is not None:
            return running.cancelled_as
        try:
            async with asyncio.timeout(self._settings.total_seconds):
                return await work(running)
        except asyncio.CancelledError:
            _uncancel()
            return running.cancelled_as or _INTERRUPTED
        except TimeoutError:
            return Ending(TurnState.FAILED, Reason.LIMIT_TIME)
        except ModelFailed as error:
            running.is_accepted = running.is_accepted or error.accepted
            logger.warning("turn.model_failed", turn_id=str(running.turn.id), model=running.turn.model, reason=error.reason)
            return Ending(TurnState.FAILED, Reason(error.reason))
        except PaymentRequired:  # the credit, or a budget
            return Ending(TurnState.FAILED, Reason.CREDITS_EXHAUSTED)
        except TurnFailure as error:
            return Ending(TurnState.FAILED, error.reason)
        except (Unavailable, StorageFull):
            logger.warning("turn.storage_failed", turn_id=str(running.turn.id))
            return Ending(TurnState.FAILED, Reason.STORAGE)
        except Fenced:
            raise
        except Exception:
            logger.exception("turn.failed", turn_id=str(running.turn.id))
            return Ending(TurnState.FAILED, Reason.INTERNAL)

    async def _pause(self, running: RunningTurn, paused: Paused) -> None:
        """Nobody runs the turn from here on. Only once that is stored do readers see the questions: what they answer must be there."""
        turn = running.turn
        pause = Pause(
            turn_id=turn.id,
            account_id=turn.account_id,
            session_id=turn.session_id,
            epoch=running.epoch,
            cost_micros=min(running.bill().cost_micros, running.hold_micros),
            unsaved=running.unsaved(),
            next_number=running.log.next_number(),
            paused=paused,
        )
        running.log.take(await self._until_stored(functools.partial(self._pauser.pause, pause=pause)))

    async def _close(self, running: RunningTurn, ending: Ending) -> None:
        """T4, tried again until it is stored or the turn is somebody else's. Only then do readers see the terminal event."""
        events, turn = running.log.events, running.turn
        for result in results_missing(events):
            running.emit(result)
        closing = Closing(
            turn_id=turn.id,
            account_id=turn.account_id,
            session_id=turn.session_id,
            question_id=turn.question_id,
            answer_id=turn.answer_id,
            agent=turn.agent,
            bill=running.bill(),
            hold_micros=running.hold_micros,
            old_epoch=running.epoch,
            epoch=running.epoch,
            ending=ending,
            parts=parts_of(events),
            unsaved=running.unsaved(),
            terminal_number=running.log.next_number(),
        )
        terminal = await self._until_stored(functools.partial(self._closer.close, closing=closing))
        running.log.finish(terminal.number, terminal.event)

    async def _until_stored(self, fn: Callable[[Transaction], T]) -> T:
        pause_seconds = 0.1
        while True:
            try:
                return await self._db.write(fn)
            except (Unavailable, StorageFull) as error:
                logger.warning("turn.end_not_stored", error=error.code)
            except asyncio.CancelledError:
                if self._is_closed:
                    raise
                _uncancel()
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, 2)

    def _forget(self, running: RunningTurn) -> None:
        turn = running.turn
        running.log.abandon()
        self._running.pop(turn.id, None)
        left = self._per_account.get(turn.account_id, 1) - 1
        if left > 0:
            self._per_account[turn.account_id] = left
        else:
            self._per_account.pop(turn.account_id, None)
        self._finished[turn.id] = running
        self._finished_at.append((time.monotonic(), turn.id))
        self._drop_old_logs()

    def _drop_old_logs(self) -> None:
        oldest = time.monotonic() - self._settings.keep_log_seconds
        while self._finished_at and (self._finished_at[0][0] < oldest or len(self._finished_at) > self._settings.keep_logs_most):
            self._finished.pop(self._finished_at.popleft()[1], None)

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.checkpoint_seconds)
            self._drop_old_logs()
            try:
                # a database that does not even refuse must not keep us from seeing that leases are over
                async with asyncio.timeout(self._settings.renew_seconds):
                    await self._tick()
            except (ParlorError, TimeoutError) as error:
                logger.warning("turn.checkpoint_failed", error=str(error))
            except Exception:
                logger.exception("turn.checkpoint_failed")
            self._stop_those_without_lease()

    async def _tick(self) -> None:
        """One transaction for all running turns: what they said since the last one, their leases, and whether somebody elsewhere wants them stopped."""
        turns = list(self._running.values())
        if not turns:
            return
        unsaved = {running.turn.id: running.unsaved() for running in turns if not running.is_ending}
        until = time.monotonic() + self._settings.lease_seconds

        def save(tx: Transaction) -> dict[UUID, tuple[int, bool]]:
            mine = queries.renew_leases(tx, [running.turn.id for running in turns], self.owner, tx.now() + timedelta(seconds=self._settings.lease_seconds))
            for turn_id, events in unsaved.items():
                if turn_id in mine:
                    queries.save_segment(tx, turn_id, events)
            return mine

        mine = await self._db.write(save)
        for running in turns:
            epoch, is_stop_requested = mine.get(running.turn.id, (0, False))
            if epoch != running.epoch:
                continue
            running.lease_until = until
            running.stored(unsaved.get(running.turn.id, ()))
            if is_stop_requested:
                running.cancel(_STOPPED)

    def _stop_those_without_lease(self) -> None:
        now = time.monotonic()
        for running in list(self._running.values()):
            if running.lease_until < now:
                running.cancel(_LOST)

    async def drain(self) -> None:
        """Take no new turns; let the running ones end for a while; hand over the rest as interrupted."""
        self._is_draining = True
        tasks = [running.task for running in self._running.values() if running.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.drain_seconds)
        for running in list(self._running.values()):
            running.cancel(_INTERRUPTED)
        if left := [task for task in tasks if not task.done()]:
            await asyncio.wait(left, timeout=STORE_SECONDS)
        self._is_closed = True  # an end that cannot be stored even now is left to the sweep of the next server: this process must be able to end
        for task in left:
            task.cancel()

    async def close(self) -> None:
        await self.drain()
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)


def _uncancel() -> None:
    """We asked for this cancellation ourselves and have answered it; the task goes on to T4."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
