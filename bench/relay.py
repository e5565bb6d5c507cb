"""The limit: Starlette and aiohttp hand the model's bytes on, and keep nothing. `python -m bench.relay PORT UPSTREAM`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send


class Stream(Response):
    """Raw ASGI: a `StreamingResponse` starts a task group for each answer, and would make the limit look lower than it is."""

    media_type = "text/event-stream"

    def __init__(self, session: aiohttp.ClientSession, url: str, body: bytes) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._session, self._url, self._body = session, url, body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._session.post(self._url, data=self._body, headers={"Content-Type": "application/json"}) as reply:
            await send({"type": "http.response.start", "status": reply.status, "headers": self.raw_headers})
            async for piece in reply.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def make_app(upstream: str) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False) as session:
            app.state.session = session
            yield

    async def relay(request: Request) -> Response:
        return Stream(request.app.state.session, f"{upstream}/chat/completions", await request.body())

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/relay", relay, methods=["POST"]), Route("/health", health)], lifespan=lifespan)


def main() -> None:
    port, upstream = int(sys.argv[1]), sys.argv[2]
    uvicorn.run(make_app(upstream), host="127.0.0.1", port=port, loop="uvloop", http="httptools", ws="none", access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
