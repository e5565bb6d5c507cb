"""How long a call may take."""

import msgspec


class Timeouts(msgspec.Struct, frozen=True):
    """Limits of one call. `idle_seconds` is the longest silence within an answer; `total_seconds` runs from the start of the call."""

    connect_seconds: float = 10
    first_byte_seconds: float = 60
    idle_seconds: float = 60
    total_seconds: float = 600
