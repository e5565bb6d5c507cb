"""The server: HTTP/1.1 by hand on asyncio, because the fake must never be what a benchmark measures."""

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit

import msgspec

from bench.fake_model import embeddings
from bench.fake_model.anthropic import FakeAnthropic
from bench.fake_model.gemini import FakeGemini
from bench.fake_model.ollama import FakeOllama
from bench.fake_model.openai import FakeOpenAI
from bench.fake_model.script import Script
from bench.fake_model.wire import FakeWire, frames_of, http_chunk

_OPENAI, _ANTHROPIC, _GEMINI, _OLLAMA = FakeOpenAI(), FakeAnthropic(), FakeGemini(), FakeOllama()
_encode = msgspec.json.encode
_END = b"0\r\n\r\n"
_BUILT_IN = {
    "fake": Script(),
    "bench-64": Script(chunks=64, text="token "),
    "paced-64": Script(chunks=64, text="token ", pace_seconds=0.05),
    "endless": Script(chunks=20_000, pace_seconds=0.02),
}


EmbeddingAnswer = Callable[[dict[str, Any], Script], dict[str, Any]]


@dataclass
class Seen:
    """One request to the model. `closed` is set when its connection ended; `closed_by_peer` tells whether that was in the middle."""

    number: int
    path: str
    headers: dict[str, str]
    body: Any
    started_at: float = field(default_factory=time.monotonic)
    chunks_sent: int = 0
    completed: bool = False
    closed_by_peer: bool = False
    closed_at: float | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first byte of the answer was written."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number, "path": self.path, "headers": self.headers, "body": self.body, "chunks_sent": self.chunks_sent,
            "completed": self.completed, "closed_by_peer": self.closed_by_peer, "started_at": self.started_at, "closed_at": self.closed_at,
        }  # fmt: skip


class FakeModel:
    """`requests` holds what was asked, oldest first (the last `keep`). `next` queues scripts for the coming requests, `script` sets a model's."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1", keep: int = 10_000) -> None:
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._models: dict[str, tuple[Script, bytes]] = {}
        self._queue: deque[Script] = deque()
        self._connections: set[_Connection] = set()
        self._arrived = asyncio.Condition()
        self.requests: deque[Seen] = deque(maxlen=keep)
        self.count = 0
        self.models_answer: Script | None = None
        """What GET /models does when it should misbehave: its status, body, first_byte_seconds and fault are used."""
        self.shown: dict[str, Any] = {}
        """What Ollama's /api/show says of every model; empty: that there is none."""
        self.reset()

    def reset(self) -> None:
        self._models = {name: (script, _encode(script)) for name, script in _BUILT_IN.items()}
        self._queue.clear()
        self.requests.clear()
        self.models_answer = None
        self.shown = {"details": {"family": "llama"}, "model_info": {"general.architecture": "llama", "llama.context_length": 8192}}

    @property
    def origin(self) -> str:
        return f"http://{self._host}:{self._port}"

    @property
    def base_url(self) -> str:
        """Of the protocols that live under `/v1`; Gemini's is also at `/v1beta`, and Ollama's at `/api`."""
        return f"{self.origin}/v1"

    @property
    def names(self) -> list[str]:
        return list(self._models)

    def script(self, model: str, script: Script) -> None:
        self._models[model] = (script, _encode(script))

    def next(self, *scripts: Script) -> None:
        self._queue.extend(scripts)

    async def seen(self, number: int = 1) -> Seen:
        """The request with this number (from 1), once it has arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: any(seen.number == number for seen in self.requests))
        return next(seen for seen in self.requests if seen.number == number)

    def script_for(self, model: str) -> tuple[Script, bytes]:
        if self._queue:
            script = self._queue.popleft()
            return script, _encode(script)
        if model not in self._models:
            self.script(model, Script.of_model(model) or Script())
        return self._models[model]

    async def note(self, seen: Seen) -> None:
        self.requests.append(seen)
        async with self._arrived:
            self._arrived.notify_all()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), self._host, self._port, backlog=1024)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            await connection.stop()
        await self._server.wait_closed()

    async def serve_forever(self) -> None:
        assert self._server is not None
        await self._server.serve_forever()

    def opened(self, connection: "_Connection") -> None:
        self._connections.add(connection)

    def gone(self, connection: "_Connection") -> None:
        self._connections.discard(connection)


class _Connection(asyncio.Protocol):
    def __init__(self, fake: FakeModel) -> None:
        self._fake = fake
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self._seen: Seen | None = None
        self._is_dropping = False
        self._can_write = asyncio.Event()
        self._can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._fake.opened(self)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fake.gone(self)
        self._can_write.set()
        if self._seen is not None:
            self._seen.closed_at = time.monotonic()
            self._seen.closed_by_peer = not (self._seen.completed or self._is_dropping)
            self._seen.closed.set()
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None:
            self._begin()

    def _begin(self) -> None:
        """Start on the next request if all of it is there."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._transport.is_closing():
            return
        first, *rest = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        length = int(headers.get("content-length", "0"))
        if len(self._buffer) < end + 4 + length:
            return
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        self._task = asyncio.create_task(self._serve(method, urlsplit(target).path, headers, body))
        self._task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            self._transport.abort()
            raise error
        self._begin()

    async def _serve(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        if method == "POST" and (found := _embedding_of(path)) is not None:
            model = {"model": unquote(path.removesuffix(":batchEmbedContents").rpartition("/")[2])} if found[0] is _GEMINI else {}
            await self._embed(*found, path, headers, {**msgspec.json.decode(body), **model})
            return
        match method, path.removeprefix("/v1"):
            case "GET", "/models" | "beta/models" | "/api/tags":
                await self._list_models(_models_wire(path, headers))
            case "POST", "/chat/completions":
                await self._complete(_OPENAI, path, headers, msgspec.json.decode(body))
            case "POST", "/messages":
                await self._complete(_ANTHROPIC, path, headers, msgspec.json.decode(body))
            case "POST", "/api/chat":
                await self._complete(_OLLAMA, path, headers, msgspec.json.decode(body))
            case "POST", str() as rest if rest.endswith(":streamGenerateContent"):
                model = unquote(rest.removesuffix(":streamGenerateContent").rpartition("/")[2])
                await self._complete(_GEMINI, path, headers, {**msgspec.json.decode(body), "model": model})
            case "POST", "/api/show":
                self._send_json(self._fake.shown) if self._fake.shown else self._send(404, _OLLAMA.error_body(404).encode())
            case "GET", "/control/requests":
                self._send_json({"requests": [seen.as_json() for seen in self._fake.requests]})
            case "POST", "/control/script":
                order = msgspec.json.decode(body, type=dict[str, Script])
                for model, script in order.items():
                    self._fake.next(script) if model == "*" else self._fake.script(model, script)
                self._send_json({"ok": True})
            case "POST", "/control/reset":
                self._fake.reset()
                self._send_json({"ok": True})
            case _:
                self._send(404, _encode({"error": {"message": f"no {method} {path}", "type": "invalid_request_error", "code": "not_found"}}))

    async def _list_models(self, wire: FakeWire) -> None:
        script = self._fake.models_answer
        if script is None:
            self._send_json(wire.list(self._fake.names))
            return
        await asyncio.sleep(script.first_byte_seconds)
        if script.fault == "hang_before_headers":
            await asyncio.Event().wait()
        self._send(script.status, (script.body or "").encode(), script.headers, "application/json")

    async def _embed(self, wire: FakeWire, answer: EmbeddingAnswer, path: str, headers: dict[str, str], request: dict[str, Any]) -> None:
        """Faults in the middle of the body come after half of it."""
        seen, script, _ = await self._begin_answer(path, headers, request)
        if script.fault == "garbage":
            self._write_garbage()
        elif script.status != 200:
            self._send(script.status, (script.body or wire.error_body(script.status)).encode(), script.headers)
        elif script.fault is not None:
            body = _encode(answer(request, script))
            self._transport.write(_head(200, {"Content-Length": str(len(body)), **script.headers}, "application/json") + body[: len(body) // 2])
            seen.answered.set()
            await self._fail(wire, script)
        else:
            self._send(200, script.body.encode() if script.body is not None else _encode(answer(request, script)), script.headers)
        seen.completed = not self._transport.is_closing()

    async def _begin_answer(self, path: str, headers: dict[str, str], request: dict[str, Any]) -> tuple[Seen, Script, bytes]:
        self._fake.count += 1
        seen = self._seen = Seen(self._fake.count, path, headers, request)
        await self._fake.note(seen)
        script, encoded = self._fake.script_for(str(request["model"]))
        if script.first_byte_seconds:
            await asyncio.sleep(script.first_byte_seconds)
        if script.fault == "hang_before_headers":
            await asyncio.Event().wait()
        return seen, script, encoded

    def _write_garbage(self) -> None:
        self._transport.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        self._transport.close()

    async def _complete(self, wire: FakeWire, path: str, headers: dict[str, str], request: dict[str, Any]) -> None:
        seen, script, encoded = await self._begin_answer(path, headers, request)
        if script.fault == "garbage":
            self._write_garbage()
        elif script.status != 200 or script.body is not None:
            content_type = script.content_type or (wire.content_type if script.status == 200 else "application/json")
            self._send(script.status, (script.body or wire.error_body(script.status)).encode(), script.headers, content_type)
        elif wire is _OPENAI and not request.get("stream"):
            self._send_json(_OPENAI.whole(script, request))
        else:
            await self._stream(wire, seen, script, encoded, request)
        seen.completed = not self._transport.is_closing()

    async def _stream(self, wire: FakeWire, seen: Seen, script: Script, encoded: bytes, request: dict[str, Any]) -> None:
        frames = frames_of(wire, script, encoded, str(request["model"]), request)
        self._transport.write(_head(200, {"Transfer-Encoding": "chunked", **script.headers}, script.content_type or wire.content_type))
        seen.answered.set()
        if script.fault == "hang_after_headers":
            await asyncio.Event().wait()
        if script.burst and script.fault is None:
            self._transport.write(b"".join(frames) + _END)
            seen.chunks_sent = len(frames)
            return
        await self._write_frames(wire, seen, script, frames)

    async def _write_frames(self, wire: FakeWire, seen: Seen, script: Script, frames: tuple[bytes, ...]) -> None:
        loop, pace = asyncio.get_running_loop(), script.pace_seconds
        began, write = loop.time(), self._transport.write
        for number, frame in enumerate(frames):
            if script.fault is not None and number == script.at_chunk:
                await self._fail(wire, script)
                return
            write(frame)
            seen.chunks_sent += 1
            await asyncio.sleep(max(0, began + (number + 1) * pace - loop.time()) if pace else 0)
            if not self._can_write.is_set():
                await self._can_write.wait()
        if script.fault is not None:
            await self._fail(wire, script)
        else:
            write(_END)

    async def _fail(self, wire: FakeWire, script: Script) -> None:
        self._is_dropping = script.fault in ("fin", "rst")
        match script.fault:
            case "ping":
                while True:
                    self._transport.write(http_chunk(wire.ping))
                    await asyncio.sleep(script.pace_seconds)
            case "fin":
                self._transport.close()
            case "rst":
                sock = self._transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._transport.abort()
            case "error":
                self._transport.write(http_chunk(wire.error_frame()) + _END)
            case _:
                await asyncio.Event().wait()

    def _send_json(self, value: Any) -> None:
        self._send(200, _encode(value))

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, content_type: str = "application/json") -> None:
        self._transport.write(_head(status, {"Content-Length": str(len(body)), **(headers or {})}, content_type) + body)


def _head(status: int, headers: dict[str, str], content_type: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Fake", f"Content-Type: {content_type}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _embedding_of(path: str) -> tuple[FakeWire, EmbeddingAnswer] | None:
    if path.endswith(":batchEmbedContents"):
        return _GEMINI, embeddings.gemini
    return {"/embeddings": (_OPENAI, embeddings.openai), "/api/embed": (_OLLAMA, embeddings.ollama)}.get(path.removeprefix("/v1"))


def _models_wire(path: str, headers: dict[str, str]) -> FakeWire:
    """Three protocols list their models at the same place, and are told apart by how they send the key."""
    if path.startswith("/api"):
        return _OLLAMA
    return _GEMINI if "x-goog-api-key" in headers or path.startswith("/v1beta") else _ANTHROPIC if "anthropic-version" in headers else _OPENAI
