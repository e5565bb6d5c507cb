"""mcp.json: what every client writes is read, and everything else is a sentence that names file, server and cure."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from parlor.tools.mcp.config_file import ConfigRead, read_config
from parlor.tools.mcp.expansion import UnknownVariable, expand
from parlor.tools.mcp.specs import OAuthClient

PATH = {"PATH": os.environ["PATH"]}


def read(folder: Path, content: Any, **variables: str) -> ConfigRead:
    path = folder / "mcp.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_config(path, {**PATH, **variables})


def test_servers_with_a_command_and_with_a_url_are_read_as_clients_write_them(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    found = read(
        tmp_path,
        {
            "mcpServers": {
                "time": {"command": "sh", "args": ["-c", "${WHAT}"], "env": {"ZONE": "${ZONE:-UTC}"}, "cwd": "work", "timeout": 1500},
                "web": {
                    "url": "https://${HOST}/mcp",
                    "headers": {"Authorization": "Bearer ${TOKEN}"},
                    "transport": "streamable-http",
                    "description": "Search",
                    "groups": ["staff"],
                    "require_approval": ["delete_*"],
                },
                "old": {"url": "https://old.example.com/sse", "type": "sse", "require_approval": True, "icon": "x.png", "keep_alive": True},
                "mail": {"url": "https://mail.example.com/mcp", "auth": "oauth"},
                "crm": {"url": "https://crm.example.com/mcp", "oauth": {"client_id": "parlor", "client_secret": "${CRM_SECRET}", "scopes": ["read"]}},
                "off": {"command": "no-such-program", "disabled": True},
            }
        },
        WHAT="exit 0",
        HOST="tools.example.com",
        TOKEN="t0ken",
        CRM_SECRET="s3cret",
    )
    assert found.problems == ()
    time, web, old, mail, crm, off = found.servers
    assert time.spec.transport == "stdio"
    assert Path(time.spec.command[0]).name == "sh"
    assert Path(time.spec.command[0]).is_absolute()
    assert time.spec.command[1:] == ("-c", "exit 0")
    assert (time.spec.env, time.spec.cwd, time.spec.timeout_seconds) == ({"ZONE": "UTC"}, tmp_path / "work", 1.5)
    assert (web.spec.transport, web.spec.url, web.spec.headers) == ("http", "https://tools.example.com/mcp", {"Authorization": "Bearer t0ken"})
    assert (web.spec.groups, web.spec.require_approval, web.spec.description) == ({"staff"}, ("delete_*",), "Search")
    assert web.spec.is_trusted
    assert (old.spec.transport, old.spec.require_approval) == ("sse", ("*",))
    assert (mail.spec.uses_sign_in, mail.spec.oauth) == (True, None)
    assert (crm.spec.uses_sign_in, crm.spec.oauth) == (True, OAuthClient("parlor", "s3cret", ("read",)))
    assert not off.is_enabled


@pytest.mark.parametrize("wrapped", [lambda servers: servers, lambda servers: {"mcpServers": servers}, lambda servers: {"servers": servers, "inputs": []}])
def test_servers_may_stand_flat_or_below_the_name_that_a_client_uses(tmp_path: Path, wrapped: Any) -> None:
    found = read(tmp_path, wrapped({"time": {"command": "sh"}, "servers": {"url": "https://example.com/mcp"}}))
    assert found.problems == ()
    assert [each.spec.name for each in found.servers] == ["time", "servers"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("sh -c 'echo a b'", ("-c", "echo a b")),
        (["sh", "-c", "echo a b"], ("-c", "echo a b")),
        ("sh", ()),
    ],
)
def test_a_command_is_split_as_a_shell_would_and_run_by_none(tmp_path: Path, command: Any, words: tuple[str, ...]) -> None:
    (server,) = read(tmp_path, {"mcpServers": {"x": {"command": command}}}).servers
    assert server.spec.command[1:] == words


def test_python_is_our_own_where_the_path_has_none(tmp_path: Path) -> None:
    (server,) = read(tmp_path, {"mcpServers": {"x": {"command": "python3 server.py"}}}, PATH=str(tmp_path)).servers
    assert server.spec.command == (sys.executable, "server.py")


def test_a_path_starts_from_the_folder_of_the_file(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "run me"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (server,) = read(tmp_path, {"mcpServers": {"x": {"command": ["bin/run me", "--fast"]}}}).servers
    assert server.spec.command == (str(program), "--fast")


WRONG: list[tuple[Any, str]] = [
    ("{", "cannot be read as JSON"),
    ("[]", "must be an object"),
    ('{"mcpServers": []}', "mcpServers must be an object"),
    ('{"mcpServers": {"a": {"command": "sh"}, "a": {"command": "sh"}}}', "'a' stands there twice"),
    ("[" * 100_000, "cannot be read as JSON"),
    ({"mcpServers": {"x": {"command": "sh", "comand": 1}}}, "server 'x': 'comand' is not known here"),
    ({"mcpServers": {"x": {}}}, "server 'x': it needs either command or url"),
    ({"mcpServers": {"x": {"command": "sh", "url": "https://example.com"}}}, "it needs either command or url"),
    ({"mcpServers": {"x": {"command": "sh", "transport": "http"}}}, "transport 'http' does not go with command"),
    ({"mcpServers": {"x": {"url": "https://example.com", "args": ["a"]}}}, "args, env and cwd are for servers with a command"),
    ({"mcpServers": {"x": {"command": "sh", "headers": {"A": "b"}}}}, "are for servers with a url"),
    ({"mcpServers": {"x": {"command": "no-such-program-here"}}}, "there is no program called 'no-such-program-here' on the PATH"),
    ({"mcpServers": {"x": {"command": "./nothing.sh"}}}, "there is no program"),
    ({"mcpServers": {"x": {"command": "sh 'a"}}}, "cannot be split into words"),
    ({"mcpServers": {"x": {"command": ""}}}, "the command is empty"),
    ({"mcpServers": {"x": {"command": "sh", "cwd": "nowhere"}}}, "is not a folder"),
    ({"mcpServers": {"x": {"command": "sh", "args": ["${NOT_SET}"]}}}, "the variable NOT_SET is not set"),
    ({"mcpServers": {"x": {"url": "https://example.com", "headers": {"A": "${input:key}"}}}}, "is no variable"),
    ({"mcpServers": {"x": {"url": "ftp://example.com"}}}, "Only absolute http and https URLs"),
    ({"mcpServers": {"x": {"command": "sh", "timeout": 0}}}, "timeout:"),
    ({"mcpServers": {"x": {"command": "sh", "groups": ["No Spaces"]}}}, "groups.0"),
    ({"mcpServers": {"a/b": {"command": "sh"}}}, "a server's name is"),
    ({"mcpServers": {"x": "sh"}}, "server 'x'"),
]


@pytest.mark.parametrize(("content", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_what_is_wrong_is_a_sentence_with_the_file_and_the_server(tmp_path: Path, content: Any, sentence: str) -> None:
    found = read(tmp_path, content)
    assert found.servers == ()
    assert len(found.problems) == 1
    assert sentence in found.problems[0]
    assert str(tmp_path / "mcp.json") in found.problems[0]


def test_one_wrong_server_leaves_the_others_and_no_secret_is_repeated(tmp_path: Path) -> None:
    found = read(tmp_path, {"mcpServers": {"good": {"command": "sh"}, "bad": {"command": "sh", "env": {"KEY": ["hunter2"]}}}})
    assert [each.spec.name for each in found.servers] == ["good"]
    assert "hunter2" not in found.problems[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "1"),
        ("${A}${B:-2}", "12"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("$A $$ {A}", "$A $$ {A}"),
        ("$${A}", "${A}"),
        ("${env:A}", "1"),
        ("${B:-}", ""),
        ("${A} ${INNER}", "1 ${A}"),
    ],
)
def test_variables_are_put_in_once(text: str, value: str) -> None:
    assert expand(text, {"A": "1", "EMPTY": "", "INNER": "${A}"}) == value


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(UnknownVariable, match="GITHUB_TOKEN"):
        expand("Bearer ${GITHUB_TOKEN}", {})
