"""Tools: what a tool is, which there are, and the one executor that runs them between two short transactions.

Which tools an agent may use is the agent's; the rows of tool calls belong to turns.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.tools.errors import ToolError
    from parlor.tools.executor import ToolExecutor
    from parlor.tools.ports import ExecutionContext, Tool
    from parlor.tools.registry import ToolRegistry
    from parlor.tools.settings import ToolSettings

__all__ = ["ExecutionContext", "Tool", "ToolError", "ToolExecutor", "ToolRegistry", "ToolSettings"]

__getattr__ = exports(
    __name__,
    {"errors": "ToolError", "executor": "ToolExecutor", "ports": "ExecutionContext Tool", "registry": "ToolRegistry", "settings": "ToolSettings"},
)
