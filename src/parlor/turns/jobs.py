"""Background work of turns."""

from collections.abc import Mapping, Sequence
from typing import Any

from parlor.core.jobs import Job
from parlor.turns.settings import TurnSettings
from parlor.turns.sweep import TurnSweep


def jobs(sweep: TurnSweep, settings: TurnSettings) -> Sequence[Job]:
    async def end_lost_turns(args: Mapping[str, Any]) -> None:
        await sweep.sweep()

    return (Job("turns.sweep", end_lost_turns, every_seconds=settings.sweep_seconds, attempts=1),)
