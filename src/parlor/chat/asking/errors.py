"""What a turn that failed answers, where its answer was waited for."""

from collections.abc import Mapping
from functools import cache

from parlor.core.errors import BadUpstream, Conflict, ParlorError, PaymentRequired, StorageFull, Unavailable
from parlor.turns import Reason

_BASES: Mapping[Reason, type[ParlorError]] = {
    Reason.CREDITS_EXHAUSTED: PaymentRequired,
    Reason.QUESTION_EXPIRED: Conflict,
    Reason.LIMIT_STEPS: Conflict,
    Reason.LIMIT_TIME: Conflict,
    Reason.LIMIT_TOKENS: Conflict,
    Reason.LIMIT_CREDITS: Conflict,
    Reason.STORAGE: StorageFull,
    Reason.PROVIDER_UNREACHABLE: Unavailable,
    Reason.PROVIDER_RATE_LIMITED: Unavailable,
    Reason.SERVER_RESTART: Unavailable,
    Reason.INTERNAL: Unavailable,
}
"""Of the others: something was asked, and has not answered with anything that can be used."""


@cache
def failure_of(reason: Reason) -> type[ParlorError]:
    """Its code is that of the turn's last event. Carries `turn_id`, `session_id`, `reason` and `charge_micros`."""
    return type(f"TurnFailed_{reason.name}", (_BASES.get(reason, BadUpstream),), {"code": f"turn.{reason.value}"})


FAILURES = tuple(failure_of(reason) for reason in Reason if reason is not Reason.STOPPED_BY_USER)
