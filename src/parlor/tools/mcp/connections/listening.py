"""Hearing of changed tools from servers that only tell who has asked for it (2026-07-28)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog
from mcp.client import ClientSession
from mcp.client.subscriptions import listen
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

logger = structlog.get_logger("parlor.tools.mcp")

_AGAIN_SECONDS = 30.0
_GIVE_UP_SECONDS = 10.0


@asynccontextmanager
async def listening(session: ClientSession) -> AsyncGenerator[None]:
    """Within, the session's message handler is told of changed tools, if the server can tell."""
    capabilities = session.server_capabilities
    if session.protocol_version not in MODERN_PROTOCOL_VERSIONS or capabilities is None or capabilities.tools is None or not capabilities.tools.list_changed:
        yield
        return
    task = asyncio.create_task(_listen(session))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=_GIVE_UP_SECONDS)


async def _listen(session: ClientSession) -> None:
    while True:
        try:
            async with listen(session, tools_list_changed=True) as events:
                async for _ in events:
                    pass  # the session hands each to the message handler as well
        except Exception as error:
            logger.debug("mcp.not_listening", reason=type(error).__name__)
        await asyncio.sleep(_AGAIN_SECONDS)
