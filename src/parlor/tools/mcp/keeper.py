"""What a server process does about MCP servers beside its requests: looks at them after the start, now and then, and when they or their files change."""

import asyncio
import math
import random
import time
from contextlib import suppress

import structlog

from parlor.core.settings import RootSettings
from parlor.tools.errors import ToolError
from parlor.tools.mcp.catalog import HOUSE, McpServers
from parlor.tools.mcp.files import ServerFiles
from parlor.tools.mcp.known import Known
from parlor.tools.mcp.ports import Authorizer
from parlor.tools.mcp.settings import McpSettings
from parlor.tools.ports import ToolCaller

logger = structlog.get_logger("parlor.tools.mcp")

_AT_ONCE = 4
_WATCH_SECONDS = 1.0
_IDLE_SECONDS = 30.0
_FIRST_RETRY_SECONDS = 5.0
_CALM_SECONDS = 2.0
"""The least between two looks at a server that says again and again that its list has changed."""
_MOST_DUE = 1_000
_GRANT_SECONDS = 60.0
"""How long somebody who has not signed in at a server is not looked up again."""


class McpKeeper:
    def __init__(self, servers: McpServers, files: ServerFiles, authorizer: Authorizer, settings: McpSettings, root: RootSettings) -> None:
        self._servers = servers
        self._files = files
        self._authorizer = authorizer
        self._refresh_seconds = settings.refresh_seconds
        self._watches = settings.watch if settings.watch is not None else root.environment == "development"
        self._due: dict[tuple[str, ToolCaller], float] = {}
        self._last: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._without_grant: dict[tuple[str, ToolCaller], float] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def live(self) -> None:
        """Until it is cancelled. In each process its own, since connections are."""
        self._servers.on_due(self._mark)
        stamp = await asyncio.to_thread(self._files.stamp) if self._watches else None
        try:
            while True:
                self._wake.clear()
                if self._watches and (now := await asyncio.to_thread(self._files.stamp)) != stamp:
                    stamp = now
                    await self._reload()
                with suppress_and_log():
                    await self._servers.known()
                self._begin_due()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._wake.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _mark(self, key: str, caller: ToolCaller) -> None:
        soonest = max(time.monotonic(), self._last.get(key, 0.0) + _CALM_SECONDS)
        if len(self._due) < _MOST_DUE:
            self._due[key, caller] = min(soonest, self._due.get((key, caller), soonest))
            self._wake.set()

    def _pause(self) -> float:
        if self._watches:
            return _WATCH_SECONDS
        next_due = min(self._due.values(), default=time.monotonic() + _IDLE_SECONDS)
        return min(max(next_due - time.monotonic(), 0.05), _IDLE_SECONDS)

    def _begin_due(self) -> None:
        now = time.monotonic()
        for slot in [slot for slot, at in self._due.items() if at <= now]:
            del self._due[slot]
            task = asyncio.create_task(self._look(*slot), name=f"look at the MCP server {slot[0]}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, key: str, caller: ToolCaller) -> None:
        async with self._places:
            known = self._servers.now_known.get(key)
            if known is None or not known.is_usable or not await self._may_look(known, caller):
                return
            self._last[key] = time.monotonic()
            found = await self._servers.look(known, caller)
        if known.spec.owner_id is not None or known.spec.uses_sign_in:
            return  # looked at when somebody wants it
        if found.is_good:
            self._failures.pop(key, None)
            pause = self._refresh_seconds
        else:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(self._refresh_seconds, _FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10))
            if failures == 1:
                logger.warning("mcp.server_failed", server=key, error=found.error)
        self._due.setdefault((key, HOUSE), time.monotonic() + pause * random.uniform(0.8, 1.2))  # not all at once, nor all replicas
        self._wake.set()

    async def _may_look(self, known: Known, caller: ToolCaller) -> bool:
        """Where each user signs in, only for one who has: nobody is led to a sign-in that they did not ask for."""
        if not known.spec.uses_sign_in:
            return True
        slot, now = (known.spec.key, caller), time.monotonic()
        if caller is HOUSE or now - self._without_grant.get(slot, -math.inf) < _GRANT_SECONDS:
            return False
        try:
            if await self._authorizer.authorization(known.spec, caller) is not None:
                return True
        except ToolError:
            pass  # it cannot be renewed now: whoever calls a tool is told
        self._without_grant[slot] = now
        while len(self._without_grant) > _MOST_DUE:
            self._without_grant.pop(next(iter(self._without_grant)))
        return False

    async def _reload(self) -> None:
        with suppress_and_log():
            done = await self._servers.reload()
            logger.info("mcp.files_changed", added=done.added, changed=done.changed, removed=done.removed, errors=done.errors)


class suppress_and_log:  # noqa: N801  # reads as contextlib.suppress does
    """The database may be away for a while: the keeper lives on."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        logger.error("mcp.keeper_failed", exc_info=error)
        return True
