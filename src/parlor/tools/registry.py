"""Which tools there are."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from parlor.core.errors import Misconfigured
from parlor.tools.errors import NoSuchTool
from parlor.tools.ports import Tool


class ToolRegistry:
    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise Misconfigured(f"Two tools are called {tool.name!r}: rename one, or switch one of their modules off.")
            self._tools[tool.name] = tool

    def find(self, name: str) -> Tool | None:
        return self._tools.get(name)

    def chosen(self, globs: Sequence[str]) -> list[Tool]:
        """Like `matching`, for names that somebody typed: raises NoSuchTool for one that names nothing. `*` may name nothing."""
        for glob in globs:
            if glob != "*" and not self.matching([glob]):
                raise NoSuchTool(glob, sorted(self._tools))
        return self.matching(globs)

    def matching(self, globs: Sequence[str]) -> list[Tool]:
        """The tools that any of the globs names, in the order of their names."""
        return [tool for name, tool in sorted(self._tools.items()) if any(fnmatchcase(name, glob) for glob in globs)]
