"""The official conformance suite judges how users sign in: our connections, our grants, and a browser that agrees to everything."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from dishka import AsyncContainer

from parlor.testing import OpenHouse
from parlor.tools import ToolError
from parlor.tools.mcp.oauth.errors import SignInRefused
from parlor.tools.mcp.oauth.sign_ins import ServerSignIns
from parlor.tools.mcp.ports import Connections
from parlor.tools.mcp.specs import OAuthClient, ServerSpec
from parlor.tools.ports import Answered, ExecutionContext, InputRequired, ToolCaller
from tests.support.clients import http_client
from tests.support.mcp.servers import CONFORMANCE
from tests.support.node import NODE
from tests.tools.mcp.oauth.conftest import SETTINGS, come_back, new_caller

ROOT = Path(__file__).parents[4]
FORWARD = ROOT / "tests" / "support" / "mcp" / "forward.py"
TABLE = (ROOT / "docs" / "compatibility.md").read_text()
AT_ONCE = 4
SAMPLE = ("auth/basic-cimd", "auth/scope-step-up", "auth/pre-registration", "auth/2025-03-26-oauth-endpoint-fallback")
"""Of each kind one: all sixteen take half a minute."""
DOCUMENT = "https://conformance-test.local/client-metadata.json"
"""The one client metadata document that the suite knows."""
VALUES: Mapping[str, Any] = {"number": 2, "integer": 2, "string": "text", "boolean": True, "array": [], "object": {}}


@dataclass
class Client:
    """One user of the suite's server of one scenario, who signs in wherever they are asked to."""

    house: AsyncContainer
    visitor: httpx2.AsyncClient
    spec: ServerSpec
    caller: ToolCaller

    async def call_every_tool(self) -> None:
        connections = await self.house.get(Connections)
        try:
            tools = await connections.definitions(self.spec, self.caller)
        except InputRequired as needed:
            await self.sign_in(needed)
            tools = await connections.definitions(self.spec, self.caller)
        for tool in tools:
            fields: Mapping[str, Any] = tool.parameters.get("properties", {})
            await self.call(tool.name, {name: VALUES.get(field.get("type"), "text") for name, field in fields.items()})

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """As a turn does it: with every answer the call is run again."""
        connections, answers = await self.house.get(Connections), dict[str, Answered]()
        while True:
            try:
                await connections.call(self.spec, tool, arguments, ExecutionContext(self.caller, "c1", answers=answers))
                return
            except InputRequired as needed:
                await self.sign_in(needed)
                answers[needed.asked.key] = Answered(is_accepted=True)

    async def sign_in(self, needed: InputRequired) -> None:
        assert needed.asked.kind == "signin"
        await (await self.house.get(ServerSignIns)).finish(await come_back(self.visitor, needed.asked.url))


def spec_of(task: Mapping[str, Any]) -> ServerSpec:
    context = json.loads(task["context"] or "{}")
    agreed = OAuthClient(context["client_id"], context.get("client_secret", "")) if "client_id" in context else None
    key = task["scenario"].replace("/", "-")
    return ServerSpec(key, key, "http", "config", url=task["url"], is_trusted=True, uses_sign_in=True, oauth=agreed)


@asynccontextmanager
async def clients(house: AsyncContainer) -> AsyncIterator[int]:
    """The port where tasks are taken. A task is answered with what went wrong, or nothing."""
    caller = await new_caller(house)
    async with http_client() as visitor:

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = json.loads(await reader.readline())
            try:
                await Client(house, visitor, spec_of(task), caller).call_every_tool()
            except (ToolError, InputRequired, SignInRefused, AssertionError) as error:
                writer.write(f"{type(error).__name__}: {error}\n".encode())
            writer.close()

        async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
            yield server.sockets[0].getsockname()[1]


def documented(scenario: str) -> str | None:
    row = re.search(rf"^\| {re.escape(scenario)} \| (\w+) \|$", TABLE, re.MULTILINE)
    return row[1] if row else None


def scenarios() -> Sequence[str]:
    """Those about signing in, without drafts and extensions."""
    listed = subprocess.run([NODE, str(CONFORMANCE), "list"], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^  - (\S+) \[([^\]]+)\]$", listed.partition("Client scenarios")[2], re.MULTILINE)
    return [name for name, versions in found if name.startswith("auth/") and not {"draft", "extension"} & set(versions.split(","))]


@pytest.mark.parametrize("names", [SAMPLE, pytest.param(None, marks=pytest.mark.long)], ids=["sample", "all"])
async def test_signing_in_passes_what_the_documents_say_it_passes(parlor_house: OpenHouse, tmp_path: Path, names: Sequence[str] | None) -> None:
    room, names = asyncio.Semaphore(AT_ONCE), names or scenarios()
    settings = {**SETTINGS, "outbound.allow": ["127.0.0.1", "localhost"], "tools.mcp.oauth.client_metadata_url": DOCUMENT}
    async with parlor_house(settings=settings) as house, clients(house) as port:

        async def outcome(scenario: str) -> str:
            forward = f"{sys.executable} -I -S {FORWARD} {port}"
            command = [NODE, str(CONFORMANCE), "client", "--command", forward, "--scenario", scenario, "-o", str(tmp_path / "suite")]
            async with room:
                suite = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                said, _ = await suite.communicate()
            print(said.decode())
            return "passed" if suite.returncode == 0 else "failed"

        found = dict(zip(names, await asyncio.gather(*map(outcome, names)), strict=True))
    assert found == {name: documented(name) for name in names}


def test_every_scenario_about_signing_in_is_in_the_documents() -> None:
    names = scenarios()
    assert len(names) == 16
    assert {documented(name) for name in names} == {"passed"}
