"""How a tool call fails, and what is refused before there is one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from parlor.core.errors import BadRequest, Conflict, Forbidden, NotFound, ParlorError

if TYPE_CHECKING:
    from parlor.tools.ports import Asked


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


class ToolDenied(Forbidden):
    code = "tools.denied"
    detail = "The policy does not let you use this tool."


class ApprovalRequired(Conflict):
    """Facts: `tool`, `arguments`, and `confirm`, which says yes to exactly this call."""

    code = "tools.approval_required"
    detail = "A person has to look at this call first. Send it again with `confirm`, as it stands here, if it is right."

    def __init__(self, tool: str, arguments: Mapping[str, Any], confirm: str) -> None:
        super().__init__(None, tool=tool, arguments=arguments, confirm=confirm)


class InputNeeded(Conflict):
    """Facts: `kind` (form, signin), `key`, and the form's `schema` or the `url` to sign in at."""

    code = "tools.input_required"
    detail = "The tool needs something of you first."

    def __init__(self, asked: "Asked") -> None:
        super().__init__(asked.text, kind=asked.kind, key=asked.key, schema=asked.schema, url=asked.url)


class BadArguments(BadRequest):
    code = "tools.bad_arguments"
    detail = "The arguments are not a JSON object."


class ToolFailed(ParlorError):
    """What the tool itself says, on one line."""

    code = "tools.failed"

    def __init__(self, said: str) -> None:
        super().__init__(" ".join(said.split()))
