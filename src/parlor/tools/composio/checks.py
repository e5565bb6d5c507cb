"""How Composio is, from the calls that were made anyway."""

from collections.abc import Sequence
from typing import Any

from parlor.core.health import Check, Health, Status
from parlor.core.resilience import BreakerState
from parlor.tools.composio.catalogue import Catalogue
from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.errors import KeyRefused
from parlor.tools.composio.policy import ToolkitPolicy


class ComposioHealth:
    def __init__(self, client: ComposioClient, catalogue: Catalogue, policy: ToolkitPolicy) -> None:
        self._client = client
        self._catalogue = catalogue
        self._policy = policy

    async def look(self) -> Health:
        if not self._client.is_configured:
            return Health(Status.OFF, advice="Set COMPOSIO_API_KEY to switch Composio on.")
        self._catalogue.wake()
        breaker = self._client.breaker
        details = self._details()
        if self._client.is_key_refused:
            return Health(Status.DEGRADED, KeyRefused.detail, "Check COMPOSIO_API_KEY and COMPOSIO_BASE_URL.", details)
        if breaker.state is not BreakerState.CLOSED:
            return Health(Status.DEGRADED, breaker.last_error, "Calls are refused until a probe succeeds. Nothing else depends on Composio.", details)
        missing = sorted(self._policy.toolkits.keys() - self._catalogue.known.keys())
        if missing and self._catalogue.last_error is not None:
            error = f"{', '.join(missing)}: {self._catalogue.last_error}"
            return Health(Status.DEGRADED, error, "Check the names and versions in tools.composio.toolkits; agents lack these tools.", details)
        return Health(Status.OK, self._catalogue.last_error, details=details)

    def _details(self) -> dict[str, Any]:
        breaker = self._client.breaker
        toolkits = {name: {"version": known.version, "actions": len(known.actions)} for name, known in self._catalogue.known.items()}
        shown = {"state": breaker.state.value, "failures": breaker.failures, "retry_after_seconds": round(breaker.retry_after_seconds, 1)}
        return {"breaker": shown, "toolkits": toolkits}


def checks(client: ComposioClient, catalogue: Catalogue, policy: ToolkitPolicy) -> Sequence[Check]:
    return [Check("composio", ComposioHealth(client, catalogue, policy).look)]
