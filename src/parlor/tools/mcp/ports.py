"""What the parts of this room need of each other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from parlor.tools.mcp.specs import CallOutcome, Challenge, ServerSpec, ToolDefinition
from parlor.tools.ports import Asked, ExecutionContext, ToolCaller


class Authorizer(Protocol):
    """Speaks for a caller at servers where each user signs in. Only asked about specs with `uses_sign_in`."""

    async def authorization(self, spec: ServerSpec, caller: ToolCaller) -> str | None:
        """The value of the Authorization header, renewed if it had run out; None while this caller has no grant there."""
        ...

    async def challenged(self, spec: ServerSpec, caller: ToolCaller, challenge: Challenge) -> bool:
        """The server refused a request. True: ask for `authorization` again and repeat the request, once. False: only the person can help."""
        ...

    async def sign_in(self, spec: ServerSpec, caller: ToolCaller, challenge: Challenge | None) -> Asked:
        """The question that leads the person to the server's own sign-in page. Raises ToolError when the server's sign-in cannot be used."""
        ...


class ServerDirectory(Protocol):
    """Which servers there are, for those who name one."""

    async def find(self, name: str, caller: ToolCaller) -> ServerSpec | None:
        """The server that `name` means for this caller, their own before the operator's; None for one that is not there or that they may not use."""
        ...


class ConnectionStatus(msgspec.Struct, frozen=True):
    """Of one server, over all its connections. `last_error` is a sentence without secrets."""

    state: Literal["idle", "connecting", "ready", "failed", "circuit_open"]
    connections: int = 0
    last_error: str | None = None
    protocol_version: str | None = None


class Connections(Protocol):
    """Calls to servers, each over a connection of (server, user, credential) that is opened when first needed and closed when idle or old.

    Every method is bounded in time by the spec, and by the context's deadline. Raises ToolError with a sentence for whatever goes wrong, and
    InputRequired when the server asks for a person: a form, a page to visit, or a sign-in.
    """

    async def definitions(self, spec: ServerSpec, caller: ToolCaller) -> Sequence[ToolDefinition]:
        """The tools of the server, all pages, as it describes them now."""
        ...

    async def call(self, spec: ServerSpec, tool: str, arguments: Mapping[str, Any], context: ExecutionContext) -> CallOutcome:
        """`tool` by the server's own name. Cancelling the caller's task cancels the call at the server."""
        ...

    async def retire(self, key: str) -> None:
        """Close all connections of a server that was changed or removed. Calls under way fail."""
        ...

    def status(self, spec: ServerSpec) -> ConnectionStatus: ...

    def on_changed(self, listener: Callable[[str], None]) -> None:
        """`listener` is called with the key of a server that says that its list of tools has changed."""
        ...
