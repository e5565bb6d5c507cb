"""`mcp.json`: the operator's servers, written as every MCP client writes them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from parlor.accounts import GROUP_PATTERN
from parlor.core.outbound import Refused, parse_url
from parlor.tools.mcp.expansion import UnknownVariable, expand
from parlor.tools.mcp.programs import NoSuchCommand, resolved, words_of
from parlor.tools.mcp.specs import OAuthClient, ProcessLimits, ServerSpec, Transport

NAME_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9_. -]{0,62}[A-Za-z0-9_.-])?"
"""Of a server: it is a part of its tools' names, and of paths."""

MOST_TIMEOUT_MS = 3_600_000
_MOST_FILE_BYTES = 4 * 1024 * 1024

Group = Annotated[str, Field(pattern=f"^{GROUP_PATTERN}$")]
Glob = Annotated[str, Field(min_length=1, max_length=200)]
ServerName = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]


class HealthProbe(msgspec.Struct, frozen=True):
    """A call that must succeed for the server to count as healthy, by the server's own name of the tool."""

    tool: str
    arguments: Mapping[str, Any]


class FileServer(msgspec.Struct, frozen=True):
    """One server of a file. With a `problem` it cannot be used, and the spec is only as much as could be read."""

    spec: ServerSpec
    is_enabled: bool = True
    probe: HealthProbe | None = None
    problem: str | None = None
    version: str = ""
    """Another one when the program itself has changed, which its spec does not show."""


class ConfigRead(msgspec.Struct, frozen=True):
    servers: tuple[FileServer, ...] = ()
    problems: tuple[str, ...] = ()
    """A sentence each, naming file, server and cure."""


class ServerEntry(BaseModel):
    """What `mcp.json` and `plugin.toml` have in common."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    command: str | list[str] | None = None
    args: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str | None = None
    timeout: Annotated[float, Field(gt=0, le=MOST_TIMEOUT_MS)] | None = None
    """In milliseconds."""
    description: str = Field(default="", max_length=2_000)
    disabled: bool = False
    groups: list[Group] = Field(default_factory=list)
    require_approval: bool | list[Glob] = False


class OAuthEntry(BaseModel):
    """What was agreed with the server's authorization server, for one that does not let clients register themselves."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    client_id: str = ""
    client_secret: str = ""
    scopes: list[str] = Field(default_factory=list)
    redirect_uri: str = ""
    issuer: str = ""

    def as_client(self, variables: Mapping[str, str]) -> OAuthClient:
        """Raises UnknownVariable."""
        id_, secret, redirect, issuer = (expand(text, variables) for text in (self.client_id, self.client_secret, self.redirect_uri, self.issuer))
        return OAuthClient(id_, secret, tuple(self.scopes), redirect, issuer)


class ConfigEntry(ServerEntry):
    url: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    transport: Literal["stdio", "http", "streamable-http", "sse"] | None = None
    type: Literal["stdio", "http", "streamable-http", "streamableHttp", "sse"] | None = None
    """Another name of `transport`, in the files of some clients."""
    auth: Literal["oauth"] | None = None
    oauth: OAuthEntry | None = None
    icon: Any = None
    keep_alive: Any = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> "ConfigEntry":
        if (self.command is None) == (self.url is None):
            raise ValueError("it needs either command or url")
        kind = self.transport or self.type
        if kind is not None and (kind == "stdio") != (self.command is not None):
            raise ValueError(f"transport {kind!r} does not go with {'command' if self.command is not None else 'url'}")
        if self.command is not None and (self.headers or self.uses_sign_in):
            raise ValueError("headers, auth and oauth are for servers with a url")
        if self.url is not None and (self.args or self.env or self.cwd):
            raise ValueError("args, env and cwd are for servers with a command")
        return self

    @property
    def uses_sign_in(self) -> bool:
        return self.auth == "oauth" or self.oauth is not None


class _Reading(msgspec.Struct):
    path: Path
    variables: Mapping[str, str]
    servers: list[FileServer] = msgspec.field(default_factory=list[FileServer])
    problems: list[str] = msgspec.field(default_factory=list[str])

    def complain(self, sentence: str, server: str | None = None) -> None:
        self.problems.append(f"{self.path}{f', server {server!r}' if server is not None else ''}: {sentence.rstrip('.')}.")


def read_config(path: Path, variables: Mapping[str, str]) -> ConfigRead:
    """Every server of the file that is right, and a sentence for everything that is not. Raises nothing."""
    reading = _Reading(path, variables)
    for name, entry in _entries(reading).items():
        _take(reading, name, entry)
    return ConfigRead(tuple(reading.servers), tuple(reading.problems))


def _entries(reading: _Reading) -> Mapping[str, Any]:
    try:
        text = reading.path.read_bytes()
        if len(text) > _MOST_FILE_BYTES:
            raise ValueError("it is larger than 4 MiB")
        content = json.loads(text.decode("utf-8-sig"), object_pairs_hook=_without_twins)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        reading.complain(f"it cannot be read as JSON ({reason}): mend it")
        return {}
    if not isinstance(content, dict):
        reading.complain('it must be an object: {"mcpServers": {"name": {...}}}')
        return {}
    servers = _servers_in(cast("dict[str, Any]", content))
    if not isinstance(servers, dict):
        reading.complain("mcpServers must be an object with a server under each name")
        return {}
    return cast("dict[str, Any]", servers)


def _servers_in(content: dict[str, Any]) -> Any:
    """Below `mcpServers`, or `servers` as one editor calls it, or flat. A server may itself be called `servers`."""
    for key in ("mcpServers", "servers"):
        inner = cast("dict[str, Any] | None", content.get(key))
        if key in content and not (isinstance(inner, dict) and ("command" in inner or "url" in inner)):
            return inner
    return content


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"the name {twice!r} stands there twice")
    return dict(pairs)


def _take(reading: _Reading, name: str, entry: Any) -> None:
    if re.fullmatch(NAME_PATTERN, name) is None:
        reading.complain("a server's name is 1 to 64 letters, digits, spaces, dots, - and _, and begins with a letter or digit: rename it", name)
        return
    try:
        read = ConfigEntry.model_validate(entry)
    except ValidationError as error:
        for sentence in complaints_of(error):
            reading.complain(sentence, name)
        return
    if read.disabled:
        reading.servers.append(FileServer(_as_written(read, name), is_enabled=False))
        return
    try:
        reading.servers.append(FileServer(_spec_of(read, name, reading)))
    except (UnknownVariable, NoSuchCommand, Refused) as error:
        reading.complain(getattr(error, "detail", None) or str(error), name)


def complaints_of(error: ValidationError) -> Iterator[str]:
    """One sentence for each thing that is wrong, without the values, which may be secrets."""
    for each in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in each["loc"] if part not in ("str", "list[str]", "bool", "list[constrained-str]"))
        if each["type"] == "extra_forbidden":
            yield f"{where!r} is not known here: remove it, or mend its spelling"
        else:
            text = each["msg"].removeprefix("Value error, ")
            yield f"{where}: {text[:1].lower()}{text[1:]}" if where else text


def _common(read: ServerEntry) -> dict[str, Any]:
    return {
        "description": read.description,
        "groups": frozenset(read.groups),
        "require_approval": globs_of(read.require_approval),
        **({} if read.timeout is None else {"timeout_seconds": read.timeout / 1000}),
    }


def globs_of(require_approval: bool | list[str]) -> tuple[str, ...]:
    return (("*",) if require_approval else ()) if isinstance(require_approval, bool) else tuple(require_approval)


def transport_of(kind: str | None) -> Transport:
    return "sse" if kind == "sse" else "http"


def _as_written(read: ConfigEntry, name: str) -> ServerSpec:
    """Of a server that is switched off: nothing is looked up, since whatever it needs may be missing."""
    transport = "stdio" if read.command is not None else transport_of(read.transport or read.type)
    return ServerSpec(name, name, transport, "config", **_common(read), uses_sign_in=read.uses_sign_in)


def _spec_of(read: ConfigEntry, name: str, reading: _Reading) -> ServerSpec:
    if read.url is None:
        return stdio_spec(read, name, "config", reading.path.parent, reading.variables, own_python=False)
    return ServerSpec(
        *(name, name, transport_of(read.transport or read.type), "config"),
        **_common(read),
        url=parse_url(expand(read.url, reading.variables)).url,
        headers={key: expand(value, reading.variables) for key, value in read.headers.items()},
        is_trusted=True,
        uses_sign_in=read.uses_sign_in,
        oauth=None if read.oauth is None else read.oauth.as_client(reading.variables),
    )


def stdio_spec(
    read: ServerEntry,
    name: str,
    origin: Literal["config", "plugin"],
    folder: Path,
    variables: Mapping[str, str],
    *,
    own_python: bool,
    limits: ProcessLimits | None = None,
) -> ServerSpec:
    """Raises UnknownVariable and NoSuchCommand."""
    cwd = folder / Path(expand(read.cwd, variables)).expanduser() if read.cwd else folder
    if not cwd.is_dir():
        raise NoSuchCommand(f"its cwd {cwd} is not a folder: make it, or mend the path")
    env = {key: expand(value, variables) for key, value in read.env.items()}
    words = [expand(word, variables) for word in (*words_of(read.command or ""), *read.args)]
    command = resolved(words, cwd, env, variables, own_python=own_python)
    return ServerSpec(name, name, "stdio", origin, **_common(read), command=command, env=env, cwd=cwd, limits=limits)
