"""For the tests of modules, ours and yours: a house on a temporary folder, a model that follows a script, a clock that you move, an MCP server.

pytest loads this by itself wherever Parlor is installed, so it imports the rest only when a test asks for it.
"""

import asyncio
import inspect
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec
import pytest

if TYPE_CHECKING:
    from dishka import AsyncContainer
    from dishka.provider import BaseProvider

    from parlor.llm import ModelEvent, ModelRequest
    from parlor.module import Module
    from parlor.tools.mcp.specs import ServerSpec
    from parlor.wallet import Price

WAIT_SECONDS = 10.0
"""How long a barrier waits before the test fails: long enough for a busy machine, short enough to be bounded."""


class OpenHouse(Protocol):
    def __call__(
        self,
        *modules: "str | Module",
        settings: Mapping[str, Any] | None = None,
        overrides: "Iterable[BaseProvider]" = (),
    ) -> "AbstractAsyncContextManager[AsyncContainer]":
        """A house of these modules, what they require and the ground; of all that are found when none is named.

        A module is named, or given as a value when it is not installed. `settings` are by path ({"wallet.initial_bonus_micros": 0}) and nothing
        else is read: neither the environment nor a file. The database is a new one in a temporary folder (set "database.url" for another), and
        migrated. `overrides` are dishka providers that replace what the modules provide.
        """
        ...


@pytest.fixture
def parlor_house(tmp_path: Path) -> OpenHouse:
    """`async with parlor_house("wallet") as container: wallet = await container.get(WalletService)`."""

    def open_house(
        *modules: "str | Module", settings: Mapping[str, Any] | None = None, overrides: "Iterable[BaseProvider]" = ()
    ) -> "AbstractAsyncContextManager[AsyncContainer]":
        return _open_house(tmp_path, modules, settings or {}, overrides)

    return open_house


@asynccontextmanager
async def _open_house(
    folder: Path, modules: "Sequence[str | Module]", given: Mapping[str, Any], overrides: "Iterable[BaseProvider]"
) -> "AsyncGenerator[AsyncContainer]":
    from parlor.config import load_settings
    from parlor.core.db import DatabaseSettings, migrate
    from parlor.module import Found, Module, closure, discover
    from parlor.wiring import open_house

    own = [Found(module, "test", is_on=True) for module in modules if isinstance(module, Module)]
    settings = load_settings([*discover(), *own], {}, folder, overrides={"data_dir": str(folder / "parlor"), **given})
    names = [module if isinstance(module, str) else module.name for module in modules]
    chosen = closure(settings.modules, names) if names else settings.modules
    revisions = [module.migrations for module in chosen if module.migrations is not None]
    await migrate.upgrade(settings.group(DatabaseSettings), settings.root, revisions)
    async with open_house(settings, chosen, overrides=overrides) as container:
        yield container


_SERVER_SOURCE = """\
import os
from pathlib import Path
from mcp.server import MCPServer
Path(__file__).with_name(f"{os.getpid()}.pid").touch()
server = MCPServer(%(name)r)
%(tools)s
if __name__ == "__main__":
    server.run()
"""


class IsolatedMcpServer(msgspec.Struct, frozen=True):
    """A program that is an MCP server over standard input and output: whoever connects to it has a process of their own."""

    name: str
    folder: Path

    @property
    def entry(self) -> dict[str, Any]:
        """What stands under its name in mcp.json."""
        return {"command": sys.executable, "args": [str(self.folder / "server.py")], "cwd": str(self.folder)}

    @property
    def spec(self) -> "ServerSpec":
        from parlor.tools.mcp.specs import ServerSpec

        return ServerSpec(self.name, self.name, "stdio", "config", command=(sys.executable, str(self.folder / "server.py")), cwd=self.folder)

    def write_config(self, folder: Path) -> Path:
        """An mcp.json in that folder with this server alone."""
        path = folder / "mcp.json"
        path.write_text(json.dumps({"mcpServers": {self.name: self.entry}}))
        return path

    def processes(self) -> list[int]:
        """Ids of those that run now."""
        return [number for path in self.folder.glob("*.pid") if _runs(number := int(path.stem), str(self.folder))]


class MakeMcpServer(Protocol):
    def __call__(self, tools: "str | Sequence[Callable[..., Any]]", *, name: str = "isolated") -> IsolatedMcpServer:
        """`tools` are functions, taken over by their source, which may use only what they import themselves; or the source of a module, in which
        `server` is the `MCPServer`: `@server.tool()` stands above each function then."""
        ...


@pytest.fixture
def isolated_mcp_server(tmp_path: Path) -> Iterator[MakeMcpServer]:
    """`server = isolated_mcp_server([add]); server.write_config(folder)`. Processes that are left at the end of the test are killed."""
    made: list[IsolatedMcpServer] = []

    def make(tools: "str | Sequence[Callable[..., Any]]", *, name: str = "isolated") -> IsolatedMcpServer:
        folder = tmp_path / "mcp-servers" / f"{len(made)}-{name}"
        folder.mkdir(parents=True)
        source = tools if isinstance(tools, str) else "\n\n".join(_as_tool(function) for function in tools)
        (folder / "server.py").write_text(_SERVER_SOURCE % {"name": name, "tools": source}, encoding="utf-8")
        made.append(IsolatedMcpServer(name, folder))
        return made[-1]

    yield make
    for server in made:
        for number in server.processes():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def _as_tool(function: "Callable[..., Any]") -> str:
    source = textwrap.dedent(inspect.getsource(function))
    return source if source.lstrip().startswith("@server.tool") else "@server.tool()\n" + source


def _runs(number: int, folder: str) -> bool:
    """Whether that process is the one that was started there: numbers are used again."""
    if (proc := Path("/proc")).joinpath("self").exists():
        try:
            return folder in proc.joinpath(str(number), "cmdline").read_text()
        except OSError:
            return False
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(number)], capture_output=True, text=True, check=False)  # noqa: S603, S607  # our own words
    return folder in shown.stdout


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class Barrier:
    """A place in a script where the model waits. The test waits until it has `reached` it, looks around, and opens it."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        self._opened.set()

    async def reached(self) -> None:
        await asyncio.wait_for(self._reached.wait(), WAIT_SECONDS)

    async def wait(self) -> None:
        self._reached.set()
        await self._opened.wait()


Step: TypeAlias = "ModelEvent | Sequence[ModelEvent] | Barrier | asyncio.Event | BaseException"
"""An event; events that one network read brought together; a place to wait; an error to raise."""


class ScriptedModel:
    """A model that answers the first request with the first reply, the second with the second, and an `AssertionError` when there is none left.

    `requests` are those it was asked, in order. `open_streams` is 0 once everybody has left; `closed` is set whenever one leaves.
    As the port demands, a reply that ends without `Finished` raises `ModelFailed`.
    """

    def __init__(
        self,
        *replies: Sequence[Step],
        name: str = "test/scripted",
        price: "Price | None" = None,
        max_output_tokens: int = 4096,
        context_tokens: int = 32_768,
    ) -> None:
        from parlor.wallet import Price

        self.name = name
        self.price = price or Price(input_micros_per_mtok=1_000_000, output_micros_per_mtok=1_000_000)
        self.max_output_tokens = max_output_tokens
        self.context_tokens = context_tokens
        self.requests: list[ModelRequest] = []
        self.open_streams = 0
        self.closed = asyncio.Event()
        self._replies = list(replies)

    @asynccontextmanager
    async def stream(self, request: "ModelRequest") -> "AsyncGenerator[AsyncIterator[Sequence[ModelEvent]]]":
        self.requests.append(request)
        if len(self.requests) > len(self._replies):
            raise AssertionError(f"{self.name} was asked {len(self.requests)} times, and its script has {len(self._replies)} replies")
        self.open_streams += 1
        try:
            async with aclosing(_play(self._replies[len(self.requests) - 1])) as events:
                yield events
        finally:
            self.open_streams -= 1
            self.closed.set()


async def _play(reply: Iterable[Step]) -> "AsyncGenerator[Sequence[ModelEvent]]":
    from parlor.llm import Finished, ModelFailed

    is_finished = False
    for step in reply:
        if isinstance(step, (Barrier, asyncio.Event)):
            await step.wait()
        elif isinstance(step, BaseException):
            raise step
        else:
            events = step if isinstance(step, Sequence) else (step,)
            is_finished = is_finished or any(isinstance(event, Finished) for event in events)
            yield events
    if not is_finished:
        raise ModelFailed("provider_protocol", "The script ends without Finished.", accepted=True)


def says(text: str, *, input_tokens: int = 10, output_tokens: int | None = None) -> "list[Step]":
    """A reply that streams `text` word by word, then its usage (a token a word, unless given), and stops."""
    from parlor.llm import Finished, TextDelta, Usage, UsageSeen

    words = [word for word in text.replace(" ", " \0").split("\0") if word]
    usage = Usage(input_tokens=input_tokens, output_tokens=len(words) if output_tokens is None else output_tokens)
    return [*(TextDelta(text=word) for word in words), UsageSeen(usage=usage), Finished(reason="stop")]
