"""How much of a request is read, and for how long: bytes are counted here, before any parser sees them."""

import asyncio
import contextlib

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from parlor.core.errors import TooLarge
from parlor.core.web.settings import ServerSettings

_DRAINED_BYTES = 32 * 1024 * 1024
_DRAIN_SECONDS = 2.0
_LARGE_JSON = ("/v1/", "/api/chat")
_FILES_AS_JSON = "/sessions/import"


def max_body_bytes(settings: ServerSettings, path: str, content_type: bytes) -> int:
    """By what the body says it is: multipart is an upload, everything else JSON. One route takes files that are JSON, however they are sent."""
    if content_type[:10].lower() == b"multipart/" or path.endswith(_FILES_AS_JSON):
        return settings.max_upload_bytes
    return settings.max_large_json_bytes if path.startswith(_LARGE_JSON) else settings.max_json_bytes


class BoundedBody:
    """Stands in for `receive` while there is a body to read. Refuses it (413) by its declared length before reading, and by its real one while reading;
    gives up (408) when it arrives too slowly."""

    __slots__ = ("_awaits_continue", "_deadline", "_declared", "_is_whole", "_max_bytes", "_rate", "_receive", "_seen")

    def __init__(self, receive: Receive, max_bytes: int, declared: int | None, settings: ServerSettings, *, awaits_continue: bool = False) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._declared = declared
        self._awaits_continue = awaits_continue
        self._seen = 0
        self._is_whole = False
        self._deadline = asyncio.get_running_loop().time() + settings.body_grace_seconds
        self._rate = settings.min_body_bytes_per_second

    @property
    def is_endless(self) -> bool:
        """True when there is more to come than is worth waiting for: the connection must end with the answer."""
        return not self._is_whole and (self._declared is None or self._declared > self._max_bytes)

    async def __call__(self) -> Message:
        if self._is_whole:
            return await self._receive()
        if self._declared is not None and self._declared > self._max_bytes:
            await self._refuse()
        try:
            async with asyncio.timeout_at(self._deadline + self._seen / self._rate):
                message = await self._receive()
        except TimeoutError as error:
            self._is_whole = True
            raise HTTPException(408, "The body did not arrive in time.") from error
        self._count(message)
        if self._seen > self._max_bytes:
            await self._refuse()
        return message

    def _count(self, message: Message) -> None:
        self._seen += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)

    async def _refuse(self) -> None:
        """Reads on for a moment and throws away what comes: closing on a client that still writes would cost it the answer."""
        # Reading would tell a client that waits for 100 Continue to send it all.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._awaits_continue and not self._is_whole and self._seen < self._max_bytes + _DRAINED_BYTES:
                    self._count(await self._receive())
        raise TooLarge(f"The body is larger than {self._max_bytes} bytes.", max_bytes=self._max_bytes)
