"""Tools at the operator's own command line: for no account, so they find nothing that belongs to one."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from parlor.tools.errors import BadArguments, InputNeeded, ToolFailed
from parlor.tools.exchange import arguments_of
from parlor.tools.executor import ToolExecutor
from parlor.tools.ports import ExecutionContext, InputRequired, ToolCaller
from parlor.tools.registry import ToolRegistry

if TYPE_CHECKING:
    from dishka import AsyncContainer

NOBODY = UUID(int=0)
OPERATOR = ToolCaller(NOBODY, is_unlimited=True)


async def called_by_operator(container: "AsyncContainer", name: str, text: str) -> Any:
    """The result of a tool. Raises NoSuchTool, BadArguments, ToolFailed, InputNeeded."""
    offer = await (await container.get(ToolRegistry)).having(name, OPERATOR)
    arguments = arguments_of(text)
    if arguments is None:
        raise BadArguments()
    try:
        result = await (await container.get(ToolExecutor)).directly(offer, arguments, ExecutionContext(OPERATOR, "console"))
    except InputRequired as needed:
        raise InputNeeded(needed.asked) from None
    if result.error is not None:
        raise ToolFailed(result.error)
    return result.result
