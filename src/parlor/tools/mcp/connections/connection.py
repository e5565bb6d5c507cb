"""One connection, and the one task that owns it.

The library's contexts hold cancel scopes, which must be left in the task that entered them, in the order of their entering. So a task of its own opens the
connection, waits for its end and closes it; callers never do. Each call is a task too: cancelling its caller cancels that, which tells the server.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from mcp import Client
from mcp.client import ClientRequestContext, ClientSession
from mcp.client.session import IncomingMessage
from mcp_types import ElicitRequestParams, ElicitResult, Implementation, ToolListChangedNotification

from parlor import __version__
from parlor.core.outbound import Outbound
from parlor.tools.errors import ToolError
from parlor.tools.mcp.connections import elicitation, reasons
from parlor.tools.mcp.connections.asking import Calls
from parlor.tools.mcp.connections.children import Child, Children
from parlor.tools.mcp.connections.errors import ServerFailed
from parlor.tools.mcp.connections.exchange import Exchange, current
from parlor.tools.mcp.connections.http import OutboundTransport, http_transport
from parlor.tools.mcp.connections.listening import listening
from parlor.tools.mcp.connections.settings import McpConnectionSettings
from parlor.tools.mcp.connections.stdio import Pipes, stdio_transport
from parlor.tools.mcp.connections.watched import watched
from parlor.tools.mcp.ports import Authorizer
from parlor.tools.ports import InputRequired

if TYPE_CHECKING:
    from mcp.client import Transport

T = TypeVar("T")

logger = structlog.get_logger("parlor.tools.mcp")

_ASKED_SECONDS = 5.0
"""How long a call may take to end once its question was answered with `cancel`."""
_GIVE_UP_SECONDS = 10.0
_LISTEN_AGAIN_SECONDS = 30.0


class Repeat(Exception):
    """The call has not taken effect: it is to be made once more."""


class Connection:
    """Over its whole life. `ended` is done when nothing of it is left."""

    def __init__(
        self,
        opening: Exchange,
        settings: McpConnectionSettings,
        children: Children,
        outbound: Outbound,
        authorizer: Authorizer | None,
        on_changed: Callable[[], None],
    ) -> None:
        self._spec = opening.spec
        self._opening = opening
        self._settings = settings
        self._children = children
        self._outbound = outbound
        self._authorizer = authorizer
        self._on_changed = on_changed
        self._calls = Calls(opening)
        self._users = 0
        self._session: ClientSession | None = None
        self._http: OutboundTransport | None = None
        self._pipes: Pipes | None = None
        self._is_retired = self._is_stopping = self._is_cut = self._is_late = False
        self._stirred = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.opened_at = self.used_at = loop.time()
        self.protocol_version: str | None = None
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ready.add_done_callback(_retrieve)
        context = contextvars.Context()  # nothing of the request that happens to be the first to need this
        context.run(current.set, opening)
        self.ended = loop.create_task(self._own(), name=f"mcp {self._spec.key}", context=context)
        self._timer = loop.call_later(max(0.0, opening.seconds_left), self._be_late)

    @property
    def is_opening(self) -> bool:
        return not self.ready.done()

    @property
    def is_usable(self) -> bool:
        """For a new call; also while it is being opened."""
        return not (self._is_retired or self._is_cut or self.ended.done())

    @property
    def is_used(self) -> bool:
        return self._users > 0

    async def opened(self) -> None:
        """Wait until calls can be made. Raises ServerFailed, SignInNeeded, ToolError."""
        await asyncio.shield(self.ready)

    async def run(self, exchange: Exchange, work: Callable[[ClientSession], Awaitable[T]], *, is_call: bool) -> T:
        """Do `work` in a task of its own until it is done or the exchange is over. Raises ToolError, SignInNeeded, InputRequired and Repeat."""
        self._users += 1
        try:
            if not is_call:
                return await self._run(exchange, work)
            async with self._calls.place(exchange):
                return await self._run(exchange, work)
        finally:
            self._users -= 1
            self.used_at = asyncio.get_running_loop().time()
            if self._is_retired:
                self._stirred.set()

    def retire(self) -> None:
        """Take no more calls, and close when those under way have ended."""
        self._is_retired = True
        self._stirred.set()

    async def close(self) -> None:
        """Close now; calls under way fail. Takes a bounded time, whatever the server does."""
        self._is_retired = self._is_stopping = True
        self._stirred.set()
        if self.is_opening:
            self.ended.cancel()
        await asyncio.wait({self.ended}, timeout=2 * self._settings.close_seconds + _GIVE_UP_SECONDS)
        if not self.ended.done():
            self.ended.cancel()
            logger.error("mcp.close_hangs", server=self._spec.key)
            await asyncio.wait({self.ended}, timeout=_GIVE_UP_SECONDS)

    async def _run(self, exchange: Exchange, work: Callable[[ClientSession], Awaitable[T]]) -> T:
        if self._session is None or self._is_cut:
            raise Repeat
        context = contextvars.copy_context()
        context.run(current.set, exchange)
        task = asyncio.get_running_loop().create_task(_as_coroutine(work(self._session)), context=context)
        task.add_done_callback(_retrieve)
        try:
            return await self._outcome(task, exchange)
        finally:
            exchange.end()
            task.cancel()

    async def _outcome(self, task: asyncio.Task[T], exchange: Exchange) -> T:
        await asyncio.wait({task, exchange.changed}, timeout=max(0.0, exchange.seconds_left), return_when=asyncio.FIRST_COMPLETED)
        if exchange.asked is not None and exchange.failure is None:
            await asyncio.wait({task}, timeout=min(_ASKED_SECONDS, max(0.0, exchange.seconds_left)))
        if exchange.failure is not None:
            raise exchange.failure
        if exchange.asked is not None:
            raise InputRequired(exchange.asked)
        if not task.done():
            raise ToolError(f"The server {self._spec.name} did not answer in time.")
        if exchange.must_repeat:
            raise Repeat
        try:
            return task.result()
        except Exception as error:
            if self._http is not None and self._http.is_session_gone and exchange.http_status == 404:
                self.retire()
                raise Repeat from error  # refused because its session is not known any more, so it has not taken effect
            raise reasons.of_call(error, exchange, self._why_cut() if self._is_cut or self._is_stopping else None) from error

    async def _own(self) -> None:
        error: BaseException | None = None
        try:
            await self._live()
        except (Exception, asyncio.CancelledError, BaseExceptionGroup) as caught:
            error = caught
            if self.ready.done() and not self._is_stopping:
                logger.info("mcp.connection_failed", server=self._spec.key, reason=type(caught).__name__)
        finally:
            self._timer.cancel()
            self._cut()
            if not self.ready.done():
                self.ready.set_exception(self._why_not_opened(error))

    async def _live(self) -> None:
        if self._spec.transport != "stdio":
            most_bytes, lifetime_seconds = self._settings.message_most_bytes, self._settings.lifetime_seconds
            self._http = OutboundTransport(self._opening, self._outbound, self._authorizer, most_bytes, lifetime_seconds)
            await self._speak(http_transport(self._spec, self._http, most_bytes))
            return
        try:
            await self._live_with_child("auto")
        except (Exception, BaseExceptionGroup):
            if not self._is_cut or self.ready.done() or self._is_oversized:
                raise
            # Some servers of the older protocol end at once when the first message is not `initialize`.
            self._is_cut = False
            await self._live_with_child("legacy")

    async def _live_with_child(self, mode: str) -> None:
        child = await self._children.start(self._spec)
        try:
            self._pipes = Pipes(self._spec.name, child, self._settings.message_most_bytes)
            await self._speak(stdio_transport(self._pipes, child), mode)
        finally:
            await _be_sure(child)
            self._children.ended(child)

    async def _speak(self, transport: "Transport", mode: str = "auto") -> None:
        client_info = Implementation(name="parlor", version=__version__)
        async with Client(
            watched(transport, self._cut), mode=mode, cache=None, client_info=client_info, elicitation_callback=self._elicited, message_handler=self._heard
        ) as client:
            self._session = client.session
            self.protocol_version = client.protocol_version
            self._timer.cancel()
            if self._http is not None:
                self._http.is_open = True
            self.ready.set_result(None)
            async with listening(self._session):
                await self._until_over()

    async def _until_over(self) -> None:
        """Until it is told to end, has been cut, or has been idle too long; one that is too old takes no more calls, and ends with the last."""
        loop = asyncio.get_running_loop()
        while not (self._is_stopping or self._is_cut):
            now = loop.time()
            too_old_at = self.opened_at + self._settings.lifetime_seconds
            if now >= too_old_at:
                self._is_retired = True
            if not self._users and (self._is_retired or now >= self.used_at + self._settings.idle_seconds):
                self._is_retired = True
                return
            due = too_old_at if self._users else min(too_old_at, self.used_at + self._settings.idle_seconds)
            seconds = None if self._is_retired else max(0.01, min(due - now, self._settings.idle_seconds))
            self._stirred.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    def _cut(self) -> None:
        """Nothing comes from the server any more."""
        self._is_cut = True
        self._stirred.set()

    def _be_late(self) -> None:
        if self.is_opening:
            self._is_late = True
            self.ended.cancel()

    @property
    def _is_oversized(self) -> bool:
        return self._pipes is not None and self._pipes.is_oversized

    def _why_cut(self) -> str:
        if self._is_oversized:
            return f"The server {self._spec.name} sent a message of more than {self._settings.message_most_bytes} bytes."
        if self._is_stopping:
            return f"The connection to the server {self._spec.name} was closed."
        return f"The server {self._spec.name} ended the connection before it had answered."

    def _why_not_opened(self, error: BaseException | None) -> Exception:
        if self._is_late and self._opening.failure is None:
            return ServerFailed(f"The server {self._spec.name} could not be connected to within {self._spec.connect_seconds:g} seconds.")
        if self._is_stopping:
            return ToolError(f"The connection to the server {self._spec.name} was closed.")
        cut = self._why_cut() if self._is_oversized else f"The server {self._spec.name} ended while it was being connected to."
        return reasons.of_opening(error, self._opening, cut if self._pipes is not None else None)

    async def _elicited(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        exchange = await self._calls.whose()
        return elicitation.CANCEL if exchange is None else elicitation.answer(params, exchange)

    async def _heard(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._on_changed()


async def _be_sure(child: Child) -> None:
    """The transport stops its child. When it was never entered, nobody has."""
    if not child.exited.is_set():
        await child.stop()


async def _as_coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _retrieve(future: "asyncio.Future[Any]") -> None:
    """An outcome that nobody waits for any more is not worth a warning."""
    if not future.cancelled():
        future.exception()
