"""One tool call, and one listing of tools, over a session of the library, in either era of the protocol."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcp import MCPError
from mcp.client import ClientSession
from mcp_types import (
    HEADER_MISMATCH,
    URL_ELICITATION_REQUIRED,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ElicitationRequiredErrorData,
    ElicitRequest,
    InputRequiredResult,
    InputResponses,
    ListToolsRequest,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
)
from pydantic import TypeAdapter, ValidationError

from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections import elicitation
from parlor.tools.mcp.connections.cleaning import sentence
from parlor.tools.mcp.connections.exchange import Exchange
from parlor.tools.mcp.connections.outcomes import MOST_TOOLS, definition_of, outcome_of
from parlor.tools.mcp.specs import CallOutcome, ToolDefinition
from parlor.tools.ports import ExecutionContext, Progress

_Result = CallToolResult | InputRequiredResult
_result: TypeAdapter[_Result] = TypeAdapter(_Result)

_MOST_ROUNDS = 10
_MOST_PAGES = 20
_POLL_SECONDS = 0.25
_PROGRESS_SECONDS = 0.1


async def list_tools(session: ClientSession, server: str) -> Sequence[ToolDefinition]:
    """All pages, up to MOST_TOOLS tools; the first of two with the same name."""
    found = dict[str, tuple[Tool, ToolDefinition]]()
    cursor, seen, left = None, set[str](), MOST_TOOLS
    for _ in range(_MOST_PAGES):
        params = PaginatedRequestParams(cursor=cursor) if cursor else None
        page = await session.send_request(ListToolsRequest(params=params), ListToolsResult)
        for tool in page.tools[:left]:
            if (definition := definition_of(tool, server)) is not None:
                found.setdefault(definition.name, (tool, definition))
        left -= min(left, len(page.tools))
        cursor = page.next_cursor
        if not cursor or cursor in seen or not left:
            break
        seen.add(cursor)
    return [definition for _, definition in _known_to(session, found.values())]


def _known_to(session: ClientSession, found: Iterable[tuple[Tool, ToolDefinition]]) -> Sequence[tuple[Tool, ToolDefinition]]:
    """Tell the session which arguments belong in headers too (2026-07-28); it leaves out tools that say so wrongly.

    Its own `list_tools` would do that, and keep whatever a server lists, of any size, with schemas of results that nobody looks at here.
    """
    tools = [tool.model_copy(update={"output_schema": None}) for tool, _ in found]
    kept = session._absorb_tool_listing(ListToolsResult(tools=tools), complete=True)  # pyright: ignore[reportPrivateUsage]
    names = {tool.name for tool in kept.tools}
    return [each for each in found if each[1].name in names]


async def call_tool(session: ClientSession, name: str, arguments: Mapping[str, Any], exchange: Exchange, context: ExecutionContext) -> CallOutcome:
    """Raises ToolError, MCPError and ValidationError; a question without an answer is left in `exchange`, and what is returned then means nothing."""
    tell = _Teller(context)
    responses: InputResponses | None = None
    state: str | None = None
    for _ in range(_MOST_ROUNDS):
        params = CallToolRequestParams(name=name, arguments=dict(arguments), input_responses=responses, request_state=state)
        try:
            result = await _send(session, params, tell, exchange)
        except MCPError as error:
            if error.code != URL_ELICITATION_REQUIRED:
                raise
            _leave_pages(error, exchange)
            raise
        if isinstance(result, CallToolResult):
            return outcome_of(result)
        state = result.request_state
        responses = _answers(result, exchange)
        if exchange.asked is not None or exchange.failure is not None:
            raise ToolError("It waits for a person.")  # which its caller is told by the exchange
        if responses is None:
            await asyncio.sleep(_POLL_SECONDS)
    raise ToolError(f"The server {exchange.spec.name} asked for more than {_MOST_ROUNDS} rounds of input in one call.")


async def _send(session: ClientSession, params: CallToolRequestParams, tell: "_Teller", exchange: Exchange) -> _Result:
    try:
        return await session.send_request(CallToolRequest(params=params), _result, progress_callback=tell)
    except MCPError as mismatch:
        if mismatch.code != HEADER_MISMATCH:
            raise
    # Some arguments belong in headers too, which only a listing tells (2026-07-28): so list, and call once more.
    await list_tools(session, exchange.spec.name)
    return await session.send_request(CallToolRequest(params=params), _result, progress_callback=tell)


def _answers(result: InputRequiredResult, exchange: Exchange) -> InputResponses | None:
    if not result.input_requests:
        return None
    answers: InputResponses = {}
    for key, request in result.input_requests.items():
        if not isinstance(request, ElicitRequest):
            raise ToolError(f"The server {exchange.spec.name} wants to use a model or files of its client ({request.method}), which is not offered here.")
        answers[key] = elicitation.answer(request.params, exchange)
    return answers


def _leave_pages(error: MCPError, exchange: Exchange) -> None:
    """A refusal until pages were visited (2025-11-25). When the person has been there and it is refused again, it is just a refusal."""
    try:
        required = ElicitationRequiredErrorData.model_validate(error.error.data)
    except ValidationError:
        return
    for page in required.elicitations:
        if elicitation.answer(page, exchange).action == "decline" and exchange.failure is None:
            exchange.fail(ToolError(f"The user did not want to visit a page that the server {exchange.spec.name} needs: {sentence(page.message)}"))


class _Teller:
    """Passes progress on, as often as anybody could read it."""

    def __init__(self, context: ExecutionContext) -> None:
        self._tell = context.progress
        self._next = 0.0

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._next and progress != total:
            return
        self._next = now + _PROGRESS_SECONDS
        self._tell(Progress(progress, total, sentence(message) if message else None))
