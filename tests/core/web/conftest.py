"""A small site behind the real gate, router and protocol, served by uvicorn on a real socket."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Annotated, Any

import pytest
import structlog
import uvicorn
from dishka import FromDishka, Provider, Scope, make_async_container
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.cors import CORSMiddleware
from uvicorn.server import ServerState

from parlor.core.errors import Misconfigured, NotFound, PaymentRequired, RateLimited
from parlor.core.log import LogSettings, configure_logging
from parlor.core.web.gate import Gate
from parlor.core.web.problems import add_handlers, documents
from parlor.core.web.protocol import bounded
from parlor.core.web.routing import PUBLIC, HouseRouter, Router
from parlor.core.web.settings import ServerSettings
from parlor.core.web.sse import EventStream

WAIT_SECONDS = 10.0


class Greeter:
    def greet(self, name: str) -> str:
        return f"hello {name}"


class NoSuchThing(NotFound):
    code = "test.no_such_thing"


class TooPoor(PaymentRequired):
    code = "test.too_poor"
    detail = "Not enough for this."


class Slow(RateLimited):
    code = "test.slow"


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=50)]
    amount: int = 0
    more: Any = None


class Greeting(BaseModel):
    text: str
    more: Any = None


@dataclass
class Stage:
    """What a test wants of the streaming route, and what it saw."""

    frames: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    heartbeat_seconds: float = 15.0


def make_router(stage: Stage) -> Any:  # noqa: C901  # a list of small routes
    router = Router(tags=["things"])

    @router.post("/greetings", responses=documents(NoSuchThing, TooPoor))
    async def greet(body: Named, greeter: FromDishka[Greeter]) -> Greeting:
        return Greeting(text=greeter.greet(body.name), more=body.more)

    @router.get("/things/{thing_id}", openapi_extra=PUBLIC)
    async def read_thing(thing_id: int) -> dict[str, int]:
        return {"id": thing_id}

    @router.delete("/things/{thing_id}", status_code=204)
    async def delete_thing(thing_id: int) -> None: ...

    @router.get("/missing")
    async def read_missing() -> None:
        raise NoSuchThing("No thing of that name.", name="x", status="never replaces the real one")

    @router.get("/poor")
    async def read_poor() -> None:
        raise TooPoor(needed_micros=5)

    @router.get("/slow")
    async def read_slow() -> None:
        raise Slow("Slower, please.", retry_after_seconds=1.2)

    @router.get("/broken")
    async def read_broken() -> None:
        password = "hunter2-in-a-local"
        raise RuntimeError(f"no place for {len(password)} letters")

    @router.get("/misconfigured")
    async def read_misconfigured() -> None:
        raise Misconfigured("PARLOR_X is wrong.")

    @router.post("/uploads")
    async def upload(request: Request) -> dict[str, int]:
        return {"size_bytes": sum([len(each) async for each in request.stream()])}

    @router.get("/shared/{token}")
    async def read_shared(token: str) -> dict[str, int]:
        return {"length": len(token)}

    @router.get("//top")
    async def read_top() -> dict[str, bool]:
        return {"top": True}

    @router.get("/stream")
    async def stream() -> EventStream:
        async def frames() -> AsyncIterator[bytes]:
            try:
                while (each := await stage.frames.get()) is not None:
                    yield each
            finally:
                stage.closed.set()

        return EventStream(frames(), heartbeat_seconds=stage.heartbeat_seconds)

    return router


def make_site(settings: ServerSettings, stage: Stage | None = None) -> FastAPI:
    app = FastAPI(title="Site", openapi_url=None, docs_url=None, redoc_url=None)
    router = HouseRouter.of(app)
    add_handlers(app)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, allow_credentials=settings.cors_credentials, allow_methods=["*"])
    app.add_middleware(Gate, settings=settings)
    provider = Provider(scope=Scope.APP)
    provider.provide(Greeter)
    app.state.dishka_container = make_async_container(provider)
    router.adopt(make_router(stage or Stage()), "/api/v1")
    router.alias("/api/v1/things", "/things")
    return app


@dataclass
class Site:
    """A running site. `ask` sends raw bytes on a connection of its own and reads until the server closes or the answer is whole."""

    port: int
    stage: Stage

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, request: bytes) -> "Answer":
        reader, writer = await self.connect()
        try:
            writer.write(request)
            return await read_answer(reader)
        finally:
            writer.close()

    async def get(self, path: str, *headers: str, method: str = "GET") -> "Answer":
        return await self.ask(head(method, path, *headers))

    async def post(self, path: str, body: bytes, *headers: str) -> "Answer":
        typed = headers if any(each.lower().startswith("content-type") for each in headers) else (*headers, "Content-Type: application/json")
        return await self.ask(head("POST", path, f"Content-Length: {len(body)}", *typed) + body)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def head(method: str, path: str, *headers: str, host: str = "localhost") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host else []), *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    async with asyncio.timeout(WAIT_SECONDS):
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = raw.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        status = int(first.split()[1])
        body = await reader.readexactly(int(headers.get("content-length", 0))) if status != 204 else b""
    return Answer(status, headers, body)


@asynccontextmanager
async def serve(app: FastAPI, settings: ServerSettings) -> AsyncGenerator[int]:
    """The port of the app, served in this loop by uvicorn's protocol as `bounded` makes it."""
    config = uvicorn.Config(app, http=bounded(settings), ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: bounded(settings)(config=config, server_state=state, app_state={}), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        if state.tasks:
            _, late = await asyncio.wait(state.tasks, timeout=WAIT_SECONDS)
            assert not late, "a request did not end with its connection"


OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
def log() -> Iterator["Log"]:
    """What is logged while the test runs, as JSON."""
    stream = Watched()
    configure_logging(LogSettings(format="json"), "production", stream)
    yield Log(stream)
    structlog.reset_defaults()


class Watched(BytesIO):
    """Tells those who wait of each line."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def flush(self) -> None:
        self.written.set()


@dataclass
class Log:
    stream: Watched

    @property
    def text(self) -> str:
        return self.stream.getvalue().decode()

    async def has(self, event: str) -> None:
        while not self.lines(event):
            self.stream.written.clear()
            await self.stream.written.wait()

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.text.splitlines()) if line["event"] == event]


@pytest.fixture
async def open_site(log: Log) -> AsyncIterator[OpenSite]:
    """Makes sites: `await open_site(max_headers=10)`."""
    async with AsyncExitStack() as stack:

        async def make(**settings: Any) -> Site:
            stage = Stage()
            chosen = ServerSettings(**settings)
            port = await stack.enter_async_context(serve(make_site(chosen, stage), chosen))
            return Site(port, stage)

        yield make


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    return await open_site()


def problem_of(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), answer
    problem = answer.json
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"urn:parlor:problem:{code}")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem
