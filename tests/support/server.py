"""A real `parlor serve` in a process of its own, to be killed, stopped and started again."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from tests.support.clients import http_client

START_SECONDS = 40.0
_READY = re.compile(rb"is ready at (http://\S+)")
_SOURCE = Path(__file__).parents[2] / "src"

QUICK: Mapping[str, str] = {
    "PARLOR_AUTH__ARGON2_MEMORY_KIB": "8",
    "PARLOR_AUTH__ARGON2_TIME_COST": "1",
    "PARLOR_AUTH__SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEF",
    "PARLOR_LOG__LEVEL": "warning",
    "PARLOR_TURNS__LEASE_SECONDS": "2",
    "PARLOR_TURNS__RENEW_SECONDS": "0.5",
    "PARLOR_TURNS__CHECKPOINT_SECONDS": "0.2",
    "PARLOR_TURNS__SWEEP_SECONDS": "0.3",
    "PARLOR_JOBS__POLL_SECONDS": "0.2",
}
"""Cheap passwords, and a server that is missed after two seconds."""


class ParlorServer:
    """One data directory and one database; `start` as often as you like. What it wrote is in `log`."""

    def __init__(self, folder: Path, database_url: str, provider_url: str, **settings: str) -> None:
        self.folder = folder
        self.environ = {
            # Not measured: counting lines doubles the time of every request, and tests of the rooms run the same lines in their own process.
            **{name: value for name, value in os.environ.items() if not name.startswith(("PARLOR_", "COVERAGE"))},
            **QUICK,
            "PARLOR_DATABASE__URL": database_url,
            "PARLOR_DATA_DIR": str(folder / "data"),
            "PARLOR_LLM__PROVIDERS__MAIN__KIND": "openai",
            "PARLOR_LLM__PROVIDERS__MAIN__BASE_URL": provider_url,
            "PARLOR_LLM__DEFAULT_MODEL": "main/fake",
            "PYTHONPATH": str(_SOURCE),
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        self.base_url = ""
        self.process: asyncio.subprocess.Process
        self._reading: asyncio.Task[None] | None = None
        self._said = bytearray()
        self._is_ready = asyncio.Event()
        self._has_said_more = asyncio.Event()

    @property
    def log(self) -> str:
        return self._said.decode(errors="replace")

    async def start(self) -> Self:
        self._is_ready.clear()
        self.process = await self._spawn("serve", "--port", self.environ.get("PARLOR_SERVER__PORT", "0"))
        self._reading = asyncio.create_task(self._read(self.process))
        async with asyncio.timeout(START_SECONDS):
            await self._is_ready.wait()
        assert self.process.returncode is None, self.log
        assert self.base_url, self.log
        return self

    async def has_logged(self, text: str, seconds: float = 10) -> None:
        """Returns once that stands in the log."""
        async with asyncio.timeout(seconds):
            while text not in self.log:
                self._has_said_more.clear()
                await self._has_said_more.wait()

    async def run(self, *arguments: str) -> tuple[int, str]:
        """A command beside the server, with its settings: the exit code, and what it printed."""
        process = await self._spawn(*arguments)
        async with asyncio.timeout(START_SECONDS):
            said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    async def kill(self) -> None:
        """As a crash or the kernel does: nothing is said, nothing is saved."""
        self.send(signal.SIGKILL)
        await self.ended()

    async def ended(self, seconds: float = 30) -> int:
        """The exit code, within that time."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            if self._reading is not None:
                await self._reading
        return code

    async def stop(self) -> None:
        if getattr(self, "process", None) is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.send(signal.SIGCONT)
                self.send(signal.SIGKILL)
            await self.ended()

    async def _spawn(self, *arguments: str) -> asyncio.subprocess.Process:
        self.folder.mkdir(exist_ok=True, parents=True)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "parlor", *arguments),
            cwd=self.folder,
            env=self.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._said += line
            self._has_said_more.set()
            if found := _READY.search(line):
                self.base_url = found[1].decode()
                self._is_ready.set()
        self._is_ready.set()

    async def is_healthy(self) -> bool:
        async with http_client() as client:
            return (await client.get(f"{self.base_url}/health")).status_code == 200


@asynccontextmanager
async def parlor_server(folder: Path, database_url: str, provider_url: str, **settings: str) -> AsyncGenerator[ParlorServer]:
    """Started; gone afterwards, whatever happened to it."""
    server = ParlorServer(folder, database_url, provider_url, **settings)
    try:
        yield await server.start()
    finally:
        await server.stop()
