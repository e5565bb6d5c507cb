"""A tool server over HTTP without a library, whose tools are functions of the test's own and may do to the connection what they like."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Exchange:
    """One HTTP request, and the way back."""

    method: str
    path: str
    headers: Mapping[str, str]
    message: dict[str, Any]
    writer: asyncio.StreamWriter
    gone: asyncio.Event
    """Set when the client has closed the connection."""

    async def reply(self, status: int, body: bytes = b"", *, content_type: str = "application/json", **headers: str) -> None:
        rest = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{rest}\r\n".encode() + body)
        await self.writer.drain()

    async def answer(self, result: Any, **headers: str) -> None:
        await self.reply(200, json.dumps({"jsonrpc": "2.0", "id": self.message["id"], "result": result}).encode(), **headers)

    async def stream(self) -> None:
        self.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def event(self, message: Mapping[str, Any], head: str = "") -> None:
        await self.send(f"{head}event: message\ndata: {json.dumps({'jsonrpc': '2.0', **message})}\n\n".encode())


Handler = Callable[[Exchange], Awaitable[None]]


def text(value: str) -> dict[str, Any]:
    return {"resultType": "complete", "content": [{"type": "text", "text": value}]}


async def echo(exchange: Exchange) -> None:
    await exchange.answer(text(exchange.message["params"]["arguments"]["text"]))


@dataclass
class RawHttp:
    """`before` sees every request first, and has answered it when it says so. `sessions` are those of the older protocol that are still known."""

    url: str
    tools: Mapping[str, Handler]
    era: str
    before: Callable[[Exchange], Awaitable[bool]] | None
    requests: list[Exchange] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)

    async def serve(self, exchange: Exchange) -> None:
        self.requests.append(exchange)
        if self.before is not None and await self.before(exchange):
            return
        method = exchange.message.get("method", "")
        if exchange.method != "POST":
            await exchange.reply(405)
        elif method == "server/discover" and self.era == "modern":
            capabilities = {"tools": {"listChanged": False}}
            versions = {"supportedVersions": ["2026-07-28"]}
            await exchange.answer({"resultType": "complete", **versions, "capabilities": capabilities, "ttlMs": 0, "cacheScope": "private"})
        elif method == "initialize":
            session = f"s{len(self.sessions) + 1}"
            self.sessions.add(session)
            info = {"name": "raw", "version": "1"}
            await exchange.answer({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}, mcp_session_id=session)
        elif "id" not in exchange.message or not method:
            await exchange.reply(202)
        elif self.era == "legacy" and method != "server/discover" and exchange.headers.get("mcp-session-id") not in self.sessions:
            await exchange.reply(404)
        elif method == "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in self.tools]
            await exchange.answer({"resultType": "complete", "tools": tools, "ttlMs": 0, "cacheScope": "private"})
        elif method == "tools/call":
            await self.tools[exchange.message["params"]["name"]](exchange)
        else:
            error = {"code": -32601, "message": "Method not found"}
            await exchange.reply(200, json.dumps({"jsonrpc": "2.0", "id": exchange.message["id"], "error": error}).encode())


@asynccontextmanager
async def run_raw_http(
    tools: Mapping[str, Handler] | None = None, *, era: str = "modern", before: Callable[[Exchange], Awaitable[bool]] | None = None
) -> AsyncIterator[RawHttp]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.Event()
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                method, path, _ = first.split()
                exchange = Exchange(method, path, headers, json.loads(body or b"{}"), writer, gone)
                watching = asyncio.ensure_future(_watch(reader, gone)) if method == "GET" or exchange.message.get("method") == "tools/call" else None
                try:
                    await raw.serve(exchange)
                finally:
                    if watching is not None:
                        watching.cancel()
                        await asyncio.gather(watching, return_exceptions=True)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            gone.set()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    raw = RawHttp(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp", {"echo": echo, **(tools or {})}, era, before)
    serving = set(asyncio.all_tasks())
    try:
        yield raw
    finally:
        server.close()
        left = [task for task in asyncio.all_tasks() - serving if "serve" in repr(task.get_coro())]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _watch(reader: asyncio.StreamReader, gone: asyncio.Event) -> None:
    """Nothing may come while a call is answered: so what comes is the end."""
    assert not await reader.read(1)
    gone.set()
