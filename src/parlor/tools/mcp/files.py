"""The operator's files: where they are, what stands in them, and whether they have changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from parlor.core.errors import Misconfigured
from parlor.tools.mcp.config_file import ConfigRead, FileServer, read_config
from parlor.tools.mcp.plugin_files import plugin_files, read_plugins, stamps_in

CONFIG_FILE, PLUGINS_FOLDER = "mcp.json", "plugins"


class FilesRead(msgspec.Struct, frozen=True):
    servers: tuple[FileServer, ...]
    problems: tuple[str, ...]
    """Of mcp.json: with one the server does not start. What is wrong with a plugin is the plugin's own."""


class ServerFiles:
    """`folder` is where parlor.toml is: the files stand beside it unless the settings name others. `variables` are what `${NAME}` may mean."""

    def __init__(self, config: Path | None, plugins: Path | None, folder: Path, variables: Mapping[str, str]) -> None:
        self._config, self._plugins = config, plugins
        self._folder = folder
        self._variables = variables

    def read(self) -> FilesRead:
        """Reads anew at every call; blocks for as long as a few small files take."""
        config = self._read_config()
        plugins = self._plugins_folder()
        taken = [server.spec.name for server in config.servers]
        if self._plugins is not None and not self._plugins.is_dir():
            problem = f"tools.plugins_dir is {self._plugins}, and there is no such folder: make it, or remove the setting."
            return FilesRead(config.servers, (*config.problems, problem))
        return FilesRead((*config.servers, *(read_plugins(plugins, self._variables, taken) if plugins else ())), config.problems)

    def checked(self) -> FilesRead:
        """For the start. Raises Misconfigured with a line for each problem."""
        read = self.read()
        if read.problems:
            raise Misconfigured("\n".join(read.problems), problems=list(read.problems))
        return read

    def stamp(self) -> Sequence[Any]:
        """Another one after the files have changed."""
        path, folder = self._config or self._folder / CONFIG_FILE, self._plugins_folder()
        try:
            stat = path.stat()
            config = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            config = (0, -1)
        return (config, *((file.parent.name, stamps_in(file.parent)) for file in (plugin_files(folder) if folder else ())))

    def _plugins_folder(self) -> Path | None:
        folder = self._plugins or self._folder / PLUGINS_FOLDER
        return folder if folder.is_dir() else None

    def _read_config(self) -> ConfigRead:
        path = self._config or self._folder / CONFIG_FILE
        if path.is_file():
            return read_config(path, self._variables)
        if self._config is None:
            return ConfigRead()
        return ConfigRead(problems=(f"tools.mcp_config is {path}, and there is no such file: write it, or remove the setting.",))
