"""What a tool is, where tools come from, and what one may need from a person before it can go on."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from parlor.accounts import Caller
    from parlor.turns import NewQuestion


class ToolCaller(msgspec.Struct, frozen=True):
    """For whom tools are offered and run. As it is made from an account alone it is the least that anybody has."""

    account_id: UUID
    groups: frozenset[str] = frozenset()
    is_unlimited: bool = False
    """An administrator, or the operator at the command line: groups keep nothing from them."""

    @classmethod
    def of(cls, caller: "Caller") -> "ToolCaller":
        return cls(caller.account_id, caller.groups, caller.is_admin)

    def may_use(self, groups: frozenset[str]) -> bool:
        """Whether what is kept for `groups` is open to this caller. No groups: it is kept for nobody."""
        return self.is_unlimited or not groups or not groups.isdisjoint(self.groups)


class Asked(msgspec.Struct, frozen=True):
    """What a tool needs from a person: a form to be filled in (`schema`, a flat JSON schema), or a sign-in at `url`.

    `key` says which question of the call it is: when the call is run again it asks with the same key, and finds the answer in its context.
    """

    kind: Literal["form", "signin"]
    text: str
    key: str
    schema: Mapping[str, Any] | None = None
    url: str | None = None


class Answered(msgspec.Struct, frozen=True):
    """What the person said. `form` fits the schema that was asked with; for a sign-in, and for a no, there is none."""

    is_accepted: bool
    form: Mapping[str, Any] | None = None


class InputRequired(Exception):
    """Raised by a tool that cannot go on without a person. Nothing of the call may have taken effect: once there is an answer, it is run again."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        super().__init__(asked.text)


class Suspended(Exception):
    """Raised by a tool that is a run of its own, such as an agent that is asked, and waits for people: it goes on from `state` once they have answered.

    `questions` are about calls inside of it, so their call ids are none of the conversation's own.
    """

    def __init__(self, questions: "Sequence[NewQuestion]", state: str) -> None:
        self.questions = questions
        self.state = state
        super().__init__(f"{len(questions)} questions")


class Progress(msgspec.Struct, frozen=True):
    """How far a call is: `done` of `total`, in whatever the tool counts."""

    done: float
    total: float | None = None
    message: str | None = None


def _unheard(progress: Progress) -> None:
    """Where nobody looks at progress."""


class ExecutionContext(msgspec.Struct, frozen=True):
    """For whom and within which bounds one call is run. Outside a turn there is no session, no turn and no agent."""

    caller: ToolCaller
    call_id: str
    session_id: UUID | None = None
    turn_id: UUID | None = None
    agent: str | None = None
    deadline: float = math.inf
    """On the event loop's clock: when the executor gives up."""
    budget_micros: int | None = None
    """What is left of the credit that the turn holds; None outside a turn."""
    answers: Mapping[str, Answered] = msgspec.field(default_factory=dict[str, Answered])
    """What a person has answered to this call's own questions, by their key."""
    progress: Callable[[Progress], None] = _unheard

    @property
    def account_id(self) -> UUID:
        return self.caller.account_id


class Tool(Protocol):
    """`name` is unique (`server_tool` for tools of a server); `parameters` is the JSON schema of its arguments, an object."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Any]: ...

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        """The JSON-ready result. Raises ToolError with a sentence that the model is shown, and InputRequired."""
        ...


class Offer(msgspec.Struct, frozen=True):
    """A tool as a source offers it to one caller. `needs_approval`: its owner wants a person to look at each call, whatever the policy says."""

    tool: Tool
    origin: str
    """built-in, a module's name, mcp:SERVER, composio"""
    needs_approval: bool = False
    timeout_seconds: float | None = None
    """How long a call may take, where that is not what the settings say."""


class ToolSource(Protocol):
    """Tools that come and go while the server runs, or that not everybody has. A module brings it in `Module.tools`, beside or instead of tools."""

    async def offered(self, caller: ToolCaller) -> Sequence[Offer]:
        """What this caller may use now, from what is known: nothing is connected to, and what cannot be reached is left out.

        Called once per turn: it must be cheap. Raises nothing.
        """
        ...

    async def settle(self) -> None:
        """Looks, within seconds, at what it knows nothing of yet: for somebody who has named a tool that is not there. Raises nothing."""
        ...
