"""SEC-12, SEC-13: nothing that anybody sends over the API starts a process here. What every entry tries is to make a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from parlor.tools.mcp.connections.pool import McpConnections
from tests.support.administrators import administrator
from tests.support.house_fixtures import OpenServed

VARIABLES = ("NODE_OPTIONS", "node_options", "LD_PRELOAD", "Ld_Preload", "PYTHONSTARTUP", "PATH", "PYTHONPATH", "BASH_ENV")


def corpus(canary: Path) -> list[dict[str, Any]]:
    """Bodies that made other systems run a command."""
    touch = f"touch {canary}"
    commands = [
        {"command": "touch", "args": [str(canary)]},
        {"command": touch},
        {"command": ["touch", str(canary)]},
        {"command": "/bin/sh", "args": ["-c", touch]},
        {"command": "npx", "args": ["-c", touch]},
        {"command": "npx", "args": ["--call", touch]},
        {"command": "node", "args": ["-e", f"require('fs').writeFileSync('{canary}','')"]},
        {"command": "node", "args": ["--eval", touch]},
        {"command": "node", "args": ["-p", touch]},
        {"command": "python3", "args": ["-c", f"open('{canary}','w')"]},
        {"command": "uvx", "args": ["--from", touch, "x"]},
        {"command": "docker", "args": ["run", "--rm", "x"]},
        {"command": "../../bin/touch", "args": [str(canary)]},
        {"command": ""},
        {"command": None},
        {"command": {"$ne": 1}},
        {"args": ["-c", touch]},
        {"cwd": "/"},
        *(
            {"env": {name: f"{canary}"}}
            for name in ("NODE_OPTIONS", "node_options", "LD_PRELOAD", "Ld_Preload", "PYTHONSTARTUP", "PATH", "PYTHONPATH", "BASH_ENV")
        ),
        {"transport": "stdio"},
        {"transport": "stdio", "command": touch},
    ]
    return [*commands, *({"url": "https://192.0.2.10/mcp", **each} for each in commands)]


SMUGGLED = [
    {"Command": "sh"}, {"cmd": "sh"}, {"type": "stdio"}, {"executable": "sh"}, {"config": {"command": "sh"}}, {"mcpServers": {"x": {"command": "sh"}}},
    {"origin": "plugin"}, {"is_trusted": True}, {"limits": None}, {"owner_id": None}, {"key": "x"},
]  # fmt: skip


@pytest.mark.parametrize("allows", [True, False])
async def test_no_body_starts_a_process(open_served: OpenServed, tmp_path: Path, allows: bool) -> None:
    canary = tmp_path / "canary"
    house = await open_served(settings={"tools.mcp.allow_user_servers": allows, "outbound.allow": ["192.0.2.10"], "tools.mcp.watch": False})
    for person in (await administrator(house), await house.person()):
        for number, body in enumerate(corpus(canary)):
            created = await person.client.post("/mcp/servers", json={"name": f"s{number}", **body})
            assert (created.status_code, created.json()["code"]) == (403, "mcp.stdio_not_over_api"), body
            changed = await person.client.patch("/mcp/servers/web", json=body)
            assert (changed.status_code, changed.json()["code"]) == (403, "mcp.stdio_not_over_api"), body
            tested = await person.client.post(f"/mcp/servers/s{number}/test", json=body)
            assert tested.status_code == 404, body
        for body in SMUGGLED:
            refused = await person.client.post("/mcp/servers", json={"name": "x", "url": "https://192.0.2.10/mcp", **body})
            assert refused.status_code == 422, body
        assert json.loads((await person.client.get("/mcp/servers")).text)["items"] == []
    assert not canary.exists()
    assert (await house.get(McpConnections)).children == frozenset()
