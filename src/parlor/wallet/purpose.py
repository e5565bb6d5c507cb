"""What credit is held for."""

from uuid import UUID

import msgspec


class HoldFor(msgspec.Struct, frozen=True):
    """What the usage of a hold is counted under, as it was when the hold was made; `model` until another answers in its place."""

    model: str | None = None
    agent: str | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None


NOTHING_NAMED = HoldFor()
