"""How a tool call fails, and what is refused before there is one."""

from collections.abc import Sequence

from parlor.core.errors import NotFound, ParlorError


class ToolError(Exception):
    """The call failed in a way that the model should know of; the turn goes on. The text is shown to the model and the user."""


class NoSuchTool(NotFound):
    code = "tools.no_such_tool"

    def __init__(self, name: str, there_are: Sequence[str]) -> None:
        super().__init__(f"There is no tool called {name!r}. There are: {', '.join(there_are) or 'none'}.")


class TooManySteps(ParlorError):
    code = "tools.too_many_steps"

    def __init__(self, steps: int) -> None:
        super().__init__(f"The model still asked for tools after {steps} steps: --steps allows more.")
