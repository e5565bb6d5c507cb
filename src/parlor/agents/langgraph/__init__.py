"""Graphs of LangGraph as agents: what runs them in a turn, where they stand between turns, and what they use of Parlor.

For the authors of graphs: `chat_model()` is the agent's model, `parlor_tools()` are its tools, `current_run()` tells for whom it runs.
Needs the extra `langgraph`.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.agents.langgraph.chat_models import ParlorChatModel, chat_model
    from parlor.agents.langgraph.current import OutsideRun, current_run
    from parlor.agents.langgraph.tools import parlor_tools

__all__ = ["OutsideRun", "ParlorChatModel", "chat_model", "current_run", "parlor_tools"]

__getattr__ = exports(
    __name__,
    {
        "chat_models": "ParlorChatModel chat_model",
        "current": "OutsideRun current_run",
        "tools": "parlor_tools",
    },
)
