"""What a tool is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """For whom a tool is run."""

    account_id: UUID
    session_id: UUID
    turn_id: UUID
    call_id: str


class Tool(Protocol):
    """`name` is unique (`server_tool` for tools of a server); `parameters` is the JSON schema of its arguments, an object."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Any]: ...

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        """The JSON-ready result. Raises ToolError with a sentence that the model is shown."""
        ...
