"""What a health check is. A module lists its checks; `ops` and `parlor doctor` run them."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Status(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    OFF = "off"


class Health(msgspec.Struct, frozen=True):
    """One look at one part. `advice` names the cure in a sentence; `latency_ms` and `checked_at` are filled in by whoever ran the check."""

    status: Status
    last_error: str | None = None
    advice: str | None = None
    details: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])


class Check(msgspec.Struct, frozen=True):
    """`look` must answer within a second or two; whoever runs it bounds it."""

    name: str
    look: Callable[[], Awaitable[Health]]
