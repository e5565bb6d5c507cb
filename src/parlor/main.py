"""The HTTP application: finds the modules, mounts their routes and opens the house for as long as it runs."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from parlor import __version__
from parlor.config import Settings, load
from parlor.core.lifecycle import Shutdown
from parlor.core.log import LogSettings, configure_logging
from parlor.core.web.app import House
from parlor.core.web.docs import docs_router
from parlor.core.web.envelopes import Envelope
from parlor.core.web.gate import Gate
from parlor.core.web.problems import add_handlers
from parlor.core.web.routing import HouseRouter
from parlor.core.web.settings import ServerSettings
from parlor.opening import running_house

if TYPE_CHECKING:
    from dishka import AsyncContainer
    from dishka.provider import BaseProvider
    from fastapi import FastAPI

DESCRIPTION = "A self-hosted chat backend: accounts, a credit wallet, durable streaming turns, agents and tools."
API = "/api/v1"
ALIASES = {"/auth": "/auth", "/chat": "/chat", "/agent": "/agent", "/sessions": "/api/sessions", "/wallet": "/api/wallet"}
"""Where the clients of the systems before look: path below the API to path at the root."""

# FastAPI would start to trace as soon as any library sets a global tracer.
_NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}


def create_app(settings: Settings | None = None, *, overrides: Iterable["BaseProvider"] = ()) -> "FastAPI":
    """The application with all modules that are on. Without `settings` they are read from the usual sources. `overrides` are doubles of a test.

    Its lifespan opens the house; a server that has opened it already (see `lend`) turns the lifespan off.
    """
    settings = settings or load()
    configure_logging(settings.group(LogSettings), settings.root.environment)
    server = settings.group(ServerSettings)
    app = House(title="Parlor", version=__version__, openapi_url=None, docs_url=None, redoc_url=None, telemetry=_NO_TELEMETRY)  # pyright: ignore[reportArgumentType]  # the TypedDict is written out as a plain dict
    router = HouseRouter.of(app, lifespan=partial(_lifespan, settings, tuple(overrides)))
    add_handlers(app)
    app.state.error_envelopes = [each for module in settings.modules if module.error_envelopes for each in module.error_envelopes()]
    _add_middleware(app, server, app.state.error_envelopes)
    for module in settings.modules:
        for each in module.routes() if module.routes else ():
            router.adopt(each, API)
    if server.docs:
        router.adopt(docs_router(DESCRIPTION), "")
    if server.aliases:
        for path, alias in ALIASES.items():
            router.alias(API + path, alias)
    return app


def lend(app: "FastAPI", container: "AsyncContainer") -> None:
    """Give the app the house that its requests are answered in."""
    app.state.dishka_container = container


def _add_middleware(app: "FastAPI", server: ServerSettings, envelopes: Sequence[Envelope]) -> None:
    """The last one added is the first that a request meets."""
    if server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=server.cors_origins,
            allow_credentials=server.cors_credentials,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["X-Request-ID", "Idempotency-Replayed", "Retry-After"],
        )
    app.add_middleware(Gate, settings=server, error_envelopes=envelopes)


@asynccontextmanager
async def _lifespan(settings: Settings, overrides: tuple["BaseProvider", ...], app: "FastAPI") -> AsyncGenerator[None]:
    server = settings.group(ServerSettings)
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(running_house(settings, overrides=overrides))
        lend(app, house.container)
        stack.enter_context((await house.container.get(Shutdown)).on_signals())
        await house.announce(f"http://{server.host}:{server.port}")
        yield
