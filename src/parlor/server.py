"""`parlor serve`: uvicorn around the application, from the first socket to an orderly end."""

import asyncio
import gc
import os
import signal
import socket
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from parlor import __version__
from parlor.command import command_line
from parlor.core.errors import Conflict, Misconfigured
from parlor.core.lifecycle import GRACE_SECONDS

if TYPE_CHECKING:
    from fastapi import FastAPI

    from parlor.config import Settings
    from parlor.core.lifecycle import Shutdown
    from parlor.core.web.settings import ServerSettings
    from parlor.opening import House

_KEEP_ALIVE_SECONDS = 75
_CLOSING_SECONDS = 2.0
_NEW_OBJECTS_PER_COLLECTION = 20_000


class PortInUse(Conflict):
    code = "server.port_in_use"


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="The address to listen on, instead of server.host.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port to listen on, instead of server.port; 0 takes a free one.")] = None,
    reload: Annotated[bool, typer.Option("--reload", help="Start again whenever a source file changes. For development.")] = False,
) -> None:
    """Start the server."""
    out = command_line(ctx)
    given = {"server.host": host, "server.port": port}
    out.overrides |= {name: value for name, value in given.items() if value is not None}
    settings = cast("Settings", out.settings)
    if reload:
        _serve_reloading(settings)
        return
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings))


async def _serve(settings: "Settings") -> None:
    from parlor.core.lifecycle import Shutdown
    from parlor.core.web.settings import ServerSettings
    from parlor.main import create_app, lend
    from parlor.opening import running_house

    server_settings = settings.group(ServerSettings)
    with listening_socket(server_settings.host, server_settings.port) as listener:
        app = create_app(settings)
        async with running_house(settings) as house:
            lend(app, house.container)
            _spare_the_collector()
            server = _make_server(app, server_settings, house, settings, await house.container.get(Shutdown))
            await server.serve(sockets=[listener])


def _spare_the_collector() -> None:
    """What is loaded by now stays for good, and a turn leaves few cycles behind: with Python's own settings looking for them is a tenth of a turn's CPU."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS_PER_COLLECTION, 20, 20)


def listening_socket(host: str, port: int) -> socket.socket:
    """Bound, not yet listening: a port that is taken is found out before anything is opened. Raises `PortInUse`, and `Misconfigured` for a strange address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise Misconfigured(f"PARLOR_SERVER__HOST is {host}, and no address of this machine is known by that name.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host not in ("::", "")))
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _why_not(host, port, error) from error
    return listener


def _why_not(host: str, port: int, error: OSError) -> Exception:
    import errno

    if error.errno == errno.EADDRINUSE:
        return PortInUse(f"Port {port} of {host} is in use: stop what uses it, or choose another with --port (0 takes a free one).")
    if error.errno == errno.EACCES:
        return Misconfigured(f"Port {port} may not be opened by this user: choose one above 1023 with PARLOR_SERVER__PORT or --port.")
    return Misconfigured(f"PARLOR_SERVER__HOST is {host}, which is no address of this machine ({error.strerror}): 127.0.0.1 is, and 0.0.0.0 means all of them.")


def address_of(host: str, port: int) -> str:
    """What a person types into a browser on this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # read, not bound to
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _loop_factory() -> Any:
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


def _make_server(app: "FastAPI", server: "ServerSettings", house: "House", settings: "Settings", shutdown: "Shutdown") -> Any:
    import uvicorn

    from parlor.core.web.protocol import bounded
    from parlor.opening import say

    class Server(uvicorn.Server):
        """Says where it is once it is, tells the house at once that the end is asked for, and ends with exit code 0 then."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            try:
                await super().startup(sockets)
            except OSError as error:
                raise _why_not(server.host, server.port, error) from error
            port = sockets[0].getsockname()[1] if sockets else server.port
            address = address_of(server.host, port)
            say(_banner(address, settings, server))
            await house.announce(address)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            asyncio.get_running_loop().call_soon_threadsafe(shutdown.request)
            if self.should_exit and sig == signal.SIGINT:
                self.force_exit = True
            self.should_exit = True

    config = uvicorn.Config(
        app, lifespan="off", log_config=None, reset_contextvars=True, access_log=False, server_header=False, ws="none", http=bounded(server),
        proxy_headers=False,  # the gate reads them
        timeout_keep_alive=_KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=int(GRACE_SECONDS + _CLOSING_SECONDS),
    )  # fmt: skip
    return Server(config)


def _banner(address: str, settings: "Settings", server: "ServerSettings") -> list[str]:
    lines = [f"Parlor {__version__} is ready at {address} ({settings.root.environment}, data in {settings.root.data_dir})"]
    if server.docs:
        lines.append(f"API documentation: {address}/docs")
    lines += [f"Warning: {warning}" for warning in settings.warnings]
    return lines


def _serve_reloading(settings: "Settings") -> None:
    import uvicorn

    from parlor.core.web.settings import ServerSettings

    server = settings.group(ServerSettings)
    listening_socket(server.host, server.port).close()
    # The process that is started again and again reads its settings itself: flags must reach it.
    os.environ |= {"PARLOR_SERVER__HOST": server.host, "PARLOR_SERVER__PORT": str(server.port)}
    uvicorn.run(
        "parlor.main:create_app", factory=True, reload=True, host=server.host, port=server.port, log_config=None, access_log=False, server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=int(GRACE_SECONDS + _CLOSING_SECONDS),
    )  # fmt: skip
