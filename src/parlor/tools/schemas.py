"""Bodies and replies about tools."""

from typing import Any, Literal

from pydantic import Field

from parlor.core.web.schemas import Body, Reply


class ToolRead(Reply):
    name: str
    description: str
    parameters: dict[str, Any] = Field(description="JSON schema of the arguments.")
    origin: str = Field(description="built-in, mcp:SERVER, composio")
    policy: Literal["allow", "ask"] = Field(description="`ask`: a person decides about each call.")


class ToolList(Reply):
    items: list[ToolRead]


class ToolCallCreate(Body):
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    confirm: str | None = Field(default=None, max_length=200, description="What a refusal with `tools.approval_required` gave: you have looked at the call.")
    answers: dict[str, dict[str, Any]] = Field(
        default_factory=dict[str, dict[str, Any]], description="What a refusal with `tools.input_required` asked for, by its `key`: the filled-in form, or {}."
    )


class ToolCallRead(Reply):
    """Either `result` or `error`: a tool that failed is an answer too."""

    result: Any = None
    error: str | None = None
    took_ms: int
