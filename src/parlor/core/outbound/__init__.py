"""The one door out: every HTTP call that Parlor makes itself goes through `Outbound`, the only user of aiohttp; mails leave through `Smtp`.

`Outbound.trusted` is for the operator's own base URLs, `Outbound.guarded` for URLs from anybody else: it refuses private addresses.
"""

from typing import TYPE_CHECKING

from parlor.core.outbound.door import Outbound, provide_outbound
from parlor.core.outbound.errors import Broken, Malformed, NoAnswer, OutboundFailed, Oversized, Refused, Rejected, TimedOut, Unreachable
from parlor.core.outbound.gate import Gate
from parlor.core.outbound.settings import OutboundSettings
from parlor.core.outbound.timeouts import Timeouts
from parlor.core.outbound.urls import Target, parse_url

if TYPE_CHECKING:
    from parlor.core.outbound.wire import Reply as Reply

__all__ = [
    "Broken", "Gate", "Malformed", "NoAnswer", "Outbound", "OutboundFailed", "OutboundSettings", "Oversized", "Refused", "Rejected", "Target",
    "TimedOut", "Timeouts", "Unreachable", "parse_url", "provide_outbound",
]  # fmt: skip
