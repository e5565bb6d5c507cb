"""What is counted of tool calls."""

from parlor.core.metrics import Metrics

MOST_TOOLS = 500
"""Tools of a name of their own in the metrics: servers of users could bring any number."""
OTHER = "other"
_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60)


class ToolMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._calls = metrics.counter("tool_calls", "Tool calls, by how they ended.", ("tool", "state"))
        self._seconds = metrics.histogram("tool_call_seconds", "How long tools took.", ("tool",), _SECONDS)
        self._named: set[str] = set()

    def count(self, tool: str, state: str, seconds: float) -> None:
        if tool not in self._named and len(self._named) >= MOST_TOOLS:
            tool = OTHER
        self._named.add(tool)
        self._calls.labels(tool, state).inc()
        self._seconds.labels(tool).observe(seconds)
