"""One call to a server, or one opening of a connection, as everything on its way sees it.

The library carries the context of the task that sends a message along with it, to the task that does the HTTP request and from there to whatever the server
says within the answer. So a context variable says for which call a request is made, and which call a question belongs to.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar

from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import Answered, Asked, ToolCaller

_MOST_REQUESTS = 64
_GRACE_SECONDS = 1.0


class Exchange:
    """`deadline` is on the event loop's clock. The first failure, and the first question without an answer, are what its caller gets."""

    def __init__(self, spec: ServerSpec, caller: ToolCaller, deadline: float, answers: Mapping[str, Answered] | None = None) -> None:
        self.spec = spec
        self.caller = caller
        self.deadline = deadline
        self.answers: Mapping[str, Answered] = {} if answers is None else answers
        self.failure: Exception | None = None
        self.asked: Asked | None = None
        self.changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with the first failure or question."""
        self.is_over = False
        self.must_repeat = False
        self.http_status: int | None = None
        """Of the last answer to a request."""
        self.occurrences: dict[str, int] = {}
        """How often each question was asked in this call so far."""
        self._requests_left = _MOST_REQUESTS
        self._closings: set[Callable[[], None]] = set()

    @property
    def seconds_left(self) -> float:
        return self.deadline - asyncio.get_running_loop().time()

    def fail(self, error: Exception) -> None:
        if self.failure is None:
            self.failure = error
            self._change()

    def ask(self, question: Asked) -> None:
        if self.asked is None:
            self.asked = question
            self._change()

    def take_request(self) -> bool:
        """Whether one more HTTP request may be made for this exchange: a server could have a stream taken up again for ever."""
        self._requests_left -= 1
        return self._requests_left >= 0 and not self.is_over and self.failure is None

    def hold(self, close: Callable[[], None]) -> None:
        """`close` is called a moment after the end, unless it is released before: the server must not keep an answer open that nobody reads."""
        self._closings.add(close)

    def release(self, close: Callable[[], None]) -> None:
        self._closings.discard(close)

    def end(self) -> None:
        self.is_over = True
        for close in self._closings:
            asyncio.get_running_loop().call_later(_GRACE_SECONDS, close)  # the notice that the call is cancelled goes first
        self._closings = set()

    def _change(self) -> None:
        if not self.changed.done():
            self.changed.set_result(None)

    def begin_again(self) -> None:
        """The same call once more, from its start."""
        self.is_over = self.must_repeat = False
        self.occurrences.clear()


current: ContextVar[Exchange | None] = ContextVar("current", default=None)
