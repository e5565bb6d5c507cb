"""What is said of a call or an opening that failed: one sentence, without secrets, that a model and a person can do something with."""

from typing import cast

import structlog
from mcp import MCPError
from mcp_types import CONNECTION_CLOSED
from pydantic import ValidationError

from parlor.core.outbound import Refused
from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections.cleaning import sentence
from parlor.tools.mcp.connections.errors import ServerFailed, SignInNeeded
from parlor.tools.mcp.connections.exchange import Exchange

logger = structlog.get_logger("parlor.tools.mcp")

_MADE_UP = frozenset({"Server returned an error response", "Not Found", "Session terminated"})
"""What the library says in a server's place, for an HTTP status without a message."""


def of_call(error: Exception, exchange: Exchange, cut: str | None) -> ToolError:
    """`cut` says how the connection ended, if it has."""
    name = exchange.spec.name
    if isinstance(error, ToolError):
        return error
    if cut is not None and (not isinstance(error, MCPError) or error.code == CONNECTION_CLOSED):
        return ServerFailed(cut)
    if isinstance(error, MCPError):
        if error.message in _MADE_UP and exchange.http_status is not None:
            kind = ServerFailed if exchange.http_status >= 500 else ToolError
            return kind(f"The server {name} answered with HTTP status {exchange.http_status}.")
        return ToolError(f"The server {name} refused: {sentence(error.message) or 'it does not say why'}")
    if isinstance(error, ValidationError):
        return ToolError(f"The server {name} gave an answer that is not as the protocol says.")
    logger.warning("mcp.failed", server=exchange.spec.key, exc_info=error)
    return ServerFailed(f"The connection to the server {name} failed.")


def of_opening(error: BaseException | None, opening: Exchange, cut: str | None) -> Exception:
    """SignInNeeded, ServerFailed, or a ToolError that does not speak against the server. `cut` says it for a process that has ended."""
    name, status, error = opening.spec.name, opening.http_status, _innermost(error)
    if isinstance(opening.failure, ToolError | SignInNeeded):
        return opening.failure
    if isinstance(error, ToolError):
        return error
    if isinstance(error, Refused):
        return ToolError(f"The server {name} cannot be called: {error.detail}")
    if isinstance(error, MCPError):
        if status is not None and status >= 400 and error.message in _MADE_UP:
            return ServerFailed(f"The server {name} answered with HTTP status {status} when it was connected to.")
        if error.code == CONNECTION_CLOSED and cut is not None:
            return ServerFailed(cut)
        return ServerFailed(f"The server {name} did not accept the connection: {sentence(error.message)}")
    logger.warning("mcp.not_opened", server=opening.spec.key, error=type(error).__name__, reason=sentence(str(error)))
    return ServerFailed(f"The server {name} does not speak the protocol as it should.")


def _innermost(error: BaseException | None) -> BaseException | None:
    """What happened, out of the groups that each of the library's task groups puts around it."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
