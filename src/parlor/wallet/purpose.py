"""What credit is held for."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class HoldFor:
    """What the usage of a hold is counted under, as it was when the hold was made; `model` until another answers in its place."""

    model: str | None = None
    agent: str | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None


NOTHING_NAMED = HoldFor()
