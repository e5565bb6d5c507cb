"""What time it is, which no model knows."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from parlor.core.clock import Clock
from parlor.tools.errors import ToolError
from parlor.tools.ports import ExecutionContext


class CurrentTime:
    name = "current_time"
    description = "The current date and time, in UTC or in the time zone that is named."
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"timezone": {"type": "string", "description": "An IANA name, e.g. Europe/Vienna. UTC without it."}},
        "additionalProperties": False,
    }

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        name = arguments.get("timezone") or "UTC"
        try:
            now = self._clock.now().astimezone(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ToolError(f"{name!r} is not a time zone that is known here; name one like Europe/Vienna or America/New_York") from None
        return {"time": now.isoformat(timespec="seconds"), "weekday": now.strftime("%A"), "timezone": name}
