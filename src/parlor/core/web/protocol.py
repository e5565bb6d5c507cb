"""uvicorn's HTTP/1.1 protocol with an end to the head of a request: its parser takes headers of any size, for any time.

Limits are enforced while bytes arrive; the gate checks again for servers that do without this class.
"""

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from parlor.core.ids import new_id
from parlor.core.web import problems
from parlor.core.web.joined_writes import JoinedWrites
from parlor.core.web.settings import ServerSettings

_LINGER_SECONDS = 2.0
_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_DETAILS = {
    400: "This is not a valid HTTP/1.1 request.",
    405: "No address answers that method.",
    408: "The head of the request did not arrive in time.",
    414: "The URL is too long.",
    431: "The headers are too many or too large.",
}


class _UntilTheEnd(int):
    """In the place of a length that nobody knows: HTTP/1.0 has no chunks, and uvicorn would send them all the same. The answer ends with the connection."""

    def __lt__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return False

    def __sub__(self, other: object) -> "_UntilTheEnd":
        return self

    __hash__ = int.__hash__


class _HeadTooLarge(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class BoundedProtocol(HttpToolsProtocol):
    """Use `bounded(settings)` to make one for uvicorn."""

    limits: ServerSettings

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._head_bytes = self._unparsed_bytes = 0
        self._headers_due: asyncio.TimerHandle | None = None
        self._is_in_head = True
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(JoinedWrites(transport, self.loop))
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # The same as uvicorn's, with the refusal in the shape of all others.
        if self._is_refused:
            return
        self._unset_keepalive_if_required()
        try:
            cast("httptools.HttpRequestParser", self.parser).feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, _HeadTooLarge) else 400)
        except httptools.HttpParserInvalidMethodError:
            self._refuse(405)
        except httptools.HttpParserError:
            self._refuse(400)
        except httptools.HttpParserUpgrade:
            pass  # There are no websockets here: what follows an upgrade is not read.
        else:
            self._watch_head(len(data))

    def _watch_head(self, size_bytes: int) -> None:
        """The parser keeps an unfinished header to itself, so what has come of it is counted here."""
        if not self._is_in_head:
            return
        self._unparsed_bytes += size_bytes
        if self._unparsed_bytes > self.limits.max_header_bytes + self.limits.max_url_bytes:
            self._refuse(431)
        elif self._headers_due is None and self._is_between_requests:
            self._arm()

    @property
    def _is_between_requests(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or cycle.response_complete

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._head_bytes = self._unparsed_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.limits.max_url_bytes:
            raise _HeadTooLarge(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self.limits.max_header_bytes or len(self.headers) >= self.limits.max_headers:
            raise _HeadTooLarge(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._disarm()
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0":
            self.cycle.chunked_encoding, self.cycle.expected_content_length = False, _UntilTheEnd()

    def _arm(self) -> None:
        self._headers_due = self.loop.call_later(self.limits.headers_timeout_seconds, self._refuse, 408)

    def _disarm(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _refuse(self, status: int) -> None:
        """Answers by hand, because no request has come to be. An answer that is being written is finished first, and is then the last."""
        self._disarm()
        if self._is_refused or self.transport.is_closing():
            return
        if not self._is_between_requests:
            self.cycle.keep_alive = False
            return
        is_idle = status == 408 and self._unparsed_bytes == 0
        if is_idle:
            self.transport.close()
            return
        self._is_refused = True
        self.transport.write(_refusal(status))
        # What the client is still sending is thrown away for a moment: closing at once would answer it with a reset, which takes our own answer with it.
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)


def _refusal(status: int) -> bytes:
    code, title = problems.code_and_title(status)
    id_of_request = str(new_id())
    body = problems.encoded(status, code, title, _DETAILS[status], None, id_of_request)
    head = [
        f"HTTP/1.1 {status} {title}",
        f"content-type: {problems.MEDIA_TYPE}",
        f"content-length: {len(body)}",
        f"x-request-id: {id_of_request}",
        "x-content-type-options: nosniff",
        "connection: close",
    ]
    if status == 405:
        head.append(f"allow: {_METHODS}")
    return "\r\n".join([*head, "", ""]).encode() + body


def bounded(settings: ServerSettings) -> type[asyncio.Protocol]:
    """The protocol class for `uvicorn.Config(http=...)`."""
    return cast("type[asyncio.Protocol]", type("BoundedProtocol", (BoundedProtocol,), {"limits": settings}))
