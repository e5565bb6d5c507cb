"""Tools: what a tool is, which there are, and the one executor that runs them between two short transactions.

Which tools an agent may use is the agent's; the rows of tool calls belong to turns.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.tools.arguments import ArgumentCheck
    from parlor.tools.console import OPERATOR
    from parlor.tools.errors import NoSuchTool, ToolError, TooManySteps
    from parlor.tools.events import ToolExecuted
    from parlor.tools.exchange import as_text, distinct, readable, readable_arguments
    from parlor.tools.executor import ToolExecutor, TurnCall
    from parlor.tools.policy import ToolPolicy, by_longest_glob
    from parlor.tools.ports import Answered, Asked, ExecutionContext, InputRequired, Offer, Progress, Suspended, Tool, ToolCaller, ToolSource
    from parlor.tools.registry import ToolRegistry
    from parlor.tools.settings import ToolSettings
    from parlor.tools.toolbox import Toolbox

__all__ = [
    "OPERATOR", "Answered", "ArgumentCheck", "Asked", "ExecutionContext", "InputRequired", "NoSuchTool", "Offer", "Progress", "Suspended", "TooManySteps",
    "Tool", "ToolCaller", "ToolError", "ToolExecuted", "ToolExecutor", "ToolPolicy", "ToolRegistry", "ToolSettings", "ToolSource", "Toolbox", "TurnCall",
    "as_text", "by_longest_glob", "distinct", "readable", "readable_arguments",
]  # fmt: skip

__getattr__ = exports(
    __name__,
    {
        "errors": "NoSuchTool ToolError TooManySteps",
        "exchange": "as_text distinct readable readable_arguments",
        "arguments": "ArgumentCheck",
        "console": "OPERATOR",
        "events": "ToolExecuted",
        "executor": "ToolExecutor TurnCall",
        "policy": "ToolPolicy by_longest_glob",
        "toolbox": "Toolbox",
        "ports": "Answered Asked ExecutionContext InputRequired Offer Progress Suspended Tool ToolCaller ToolSource",
        "registry": "ToolRegistry",
        "settings": "ToolSettings",
    },
)
