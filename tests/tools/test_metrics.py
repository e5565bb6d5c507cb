"""What is counted of tool calls."""

from parlor.core.metrics import Metrics
from parlor.tools.metrics import MOST_TOOLS, ToolMetrics


def test_tools_beyond_number_are_counted_together() -> None:
    metrics = Metrics()
    counted = ToolMetrics(metrics)
    for number in range(MOST_TOOLS + 7):
        counted.count(f"tool_{number}", "done", 0.1)
    counted.count("tool_0", "done", 0.1)
    text = metrics.exposition()[0].decode()
    assert 'parlor_tool_calls_total{state="done",tool="tool_0"} 2.0' in text
    assert 'parlor_tool_calls_total{state="done",tool="other"} 7.0' in text
    assert f'tool="tool_{MOST_TOOLS}"' not in text
