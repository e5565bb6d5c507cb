"""The tools room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parlor.module import Module
from parlor.tools.settings import ToolSettings

if TYPE_CHECKING:
    import dishka

    from parlor.tools.ports import Tool


def _provider() -> "dishka.Provider":
    from parlor.tools.provider import tools_provider

    return tools_provider()


def _tools() -> "Sequence[Tool]":
    from parlor.tools.builtin.calculator import Calculator

    return (Calculator(),)


module = Module(
    name="tools",
    settings=ToolSettings,
    requires=("turns",),
    provider=_provider,
    tools=_tools,
    commands={"llm call-with-tools": "parlor.tools.cli:call_with_tools"},
)
