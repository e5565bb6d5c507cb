"""Plugins: folders with a `plugin.toml` that says how the MCP server in them is started. A plugin that is wrong fails alone."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from parlor.tools.mcp.config_file import NAME_PATTERN, FileServer, HealthProbe, ServerEntry, ServerName, complaints_of, stdio_spec
from parlor.tools.mcp.expansion import UnknownVariable
from parlor.tools.mcp.programs import NoSuchCommand
from parlor.tools.mcp.specs import ProcessLimits, ServerSpec

PLUGIN_FILE = "plugin.toml"
_MIB = 1024 * 1024


class PluginLimits(BaseModel):
    """0 is no limit."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    memory_mb: int = Field(default=2_048, ge=0)
    cpu_seconds: int = Field(default=3_600, ge=0)
    open_files: int = Field(default=256, ge=0)

    def as_limits(self) -> ProcessLimits:
        return ProcessLimits(self.memory_mb * _MIB or None, self.cpu_seconds or None, self.open_files or None)


class PluginHealth(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)

    tool: str = Field(min_length=1)
    arguments: dict[str, Any] = Field(default_factory=dict)


class PluginEntry(ServerEntry):
    name: ServerName | None = None
    command: str | list[str]  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]  # required here
    limits: PluginLimits = Field(default_factory=PluginLimits)
    health: PluginHealth | None = None


def read_plugins(folder: Path, variables: Mapping[str, str], taken: Sequence[str] = ()) -> list[FileServer]:
    """All plugins below `folder`, by the names of their folders. One that is wrong, or has a name that is taken, carries its problem. Raises nothing."""
    names, read = set(taken), list[FileServer]()
    for file in plugin_files(folder):
        found = _read_plugin(file, variables)
        if found.problem is None and found.spec.name in names:
            found = _failed(file, f"another server is called {found.spec.name!r}: give this one another name")
        if found.spec.name in names:
            found = _failed(file, found.problem or "", name=f"{found.spec.name}.plugin")
        names.add(found.spec.name)
        read.append(found)
    return read


def plugin_files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*/{PLUGIN_FILE}"))


def _read_plugin(file: Path, variables: Mapping[str, str]) -> FileServer:
    name = file.parent.name
    try:
        read = PluginEntry.model_validate(tomllib.loads(file.read_text(encoding="utf-8-sig")))
        name = read.name or name
        if re.fullmatch(NAME_PATTERN, name) is None:
            return _failed(file, "the folder's name cannot be a server's: give it a name in plugin.toml")
        if read.disabled:
            return FileServer(ServerSpec(name, name, "stdio", "plugin", description=read.description, cwd=file.parent), is_enabled=False)
        spec = stdio_spec(read, name, "plugin", file.parent, variables, own_python=True, limits=read.limits.as_limits())
    except ValidationError as error:
        return _failed(file, "; ".join(complaints_of(error)), name=name)
    except tomllib.TOMLDecodeError as error:
        return _failed(file, f"it is not valid TOML ({error})", name=name)
    except UnicodeDecodeError:
        return _failed(file, "it is not UTF-8", name=name)
    except OSError as error:
        return _failed(file, f"it cannot be read ({error.strerror})", name=name)
    except (UnknownVariable, NoSuchCommand) as error:
        return _failed(file, str(error), name=name)
    probe = None if read.health is None else HealthProbe(read.health.tool, read.health.arguments)
    return FileServer(spec, probe=probe, version=str(stamps_in(file.parent)))


def stamps_in(folder: Path) -> list[tuple[str, int, int]]:
    """Names, times and sizes of the files of one plugin. What is in folders below, such as its data, does not count."""
    found: list[tuple[str, int, int]] = []
    with suppress(OSError):
        for entry in sorted(os.scandir(folder), key=lambda each: each.name):
            if entry.is_file() and not entry.name.endswith((".pyc", ".log", ".db", "-wal", "-shm", "-journal")):
                stat = entry.stat()
                found.append((entry.name, stat.st_mtime_ns, stat.st_size))
    return found


def _failed(file: Path, sentence: str, *, name: str | None = None) -> FileServer:
    shown = re.sub(r"[^A-Za-z0-9_.-]", "_", name or file.parent.name)[:64] or "plugin"
    return FileServer(ServerSpec(shown, shown, "stdio", "plugin", cwd=file.parent), problem=f"{file}: {sentence.rstrip('.')}.")
