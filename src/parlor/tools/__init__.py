"""Tools: what a tool is, which there are, and the one executor that runs them between two short transactions.

Which tools an agent may use is the agent's; the rows of tool calls belong to turns.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.tools.errors import NoSuchTool, ToolError, TooManySteps
    from parlor.tools.exchange import as_text, distinct, readable, readable_arguments
    from parlor.tools.executor import ToolExecutor
    from parlor.tools.ports import Answered, Asked, ExecutionContext, InputRequired, Offer, Progress, Tool, ToolCaller, ToolSource
    from parlor.tools.registry import ToolRegistry
    from parlor.tools.settings import ToolSettings

__all__ = [
    "Answered", "Asked", "ExecutionContext", "InputRequired", "NoSuchTool", "Offer", "Progress", "TooManySteps", "Tool", "ToolCaller", "ToolError",
    "ToolExecutor", "ToolRegistry", "ToolSettings", "ToolSource", "as_text", "distinct", "readable", "readable_arguments",
]  # fmt: skip

__getattr__ = exports(
    __name__,
    {
        "errors": "NoSuchTool ToolError TooManySteps",
        "exchange": "as_text distinct readable readable_arguments",
        "executor": "ToolExecutor",
        "ports": "Answered Asked ExecutionContext InputRequired Offer Progress Tool ToolCaller ToolSource",
        "registry": "ToolRegistry",
        "settings": "ToolSettings",
    },
)
