"""What Composio's API (v3.1) says, as far as it is used here. Fields that are not needed are not looked at: they may hold credentials."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Named(msgspec.Struct, frozen=True):
    slug: str = ""


class Identified(msgspec.Struct, frozen=True):
    id: str = ""


class ToolkitMeta(msgspec.Struct, frozen=True):
    description: str | None = None
    logo: str | None = None
    version: str | None = None
    tools_count: float = 0


class Toolkit(msgspec.Struct, frozen=True):
    """`no_auth` is only in lists of toolkits, not in one that is asked for by its slug."""

    slug: str
    name: str = ""
    no_auth: bool | None = None
    auth_schemes: list[str] | None = None
    composio_managed_auth_schemes: list[str] | None = None
    meta: ToolkitMeta = ToolkitMeta()


class Action(msgspec.Struct, frozen=True):
    """A tool of a toolkit; `slug` is GITHUB_CREATE_ISSUE."""

    slug: str
    toolkit: Named
    name: str = ""
    description: str | None = None
    input_parameters: dict[str, Any] | None = None
    no_auth: bool = False
    version: str | None = None
    available_versions: list[str] = []
    is_deprecated: bool = False


class AuthConfig(msgspec.Struct, frozen=True):
    id: str
    toolkit: Named = Named()
    name: str = ""
    auth_scheme: str | None = None
    is_composio_managed: bool | None = None
    status: str = "ENABLED"
    no_of_connections: float = 0
    created_at: str | None = None


class MadeAuthConfig(msgspec.Struct, frozen=True):
    toolkit: Named
    auth_config: AuthConfig


class ConnectedAccount(msgspec.Struct, frozen=True):
    """`status` is INITIALIZING, INITIATED, ACTIVE, FAILED, EXPIRED, INACTIVE or REVOKED. `user_id` will not be said for ever."""

    id: str
    status: str
    toolkit: Named = Named()
    auth_config: Identified = Identified()
    user_id: str | None = None
    status_reason: str | None = None
    is_disabled: bool = False


class Link(msgspec.Struct, frozen=True):
    connected_account_id: str
    redirect_url: str


class Executed(msgspec.Struct, frozen=True):
    """`error` is the action's own word for what went wrong, when it was not successful."""

    successful: bool
    data: Any = None
    error: Any = None


class RawPage(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw]
    next_cursor: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """The inside of `{"error": {...}}`; whatever type they have."""

    message: Any = None
    code: Any = None
    slug: Any = None
    request_id: Any = None


class RefusalEnvelope(msgspec.Struct, frozen=True):
    error: Refusal


class Page(msgspec.Struct, Generic[T], frozen=True):
    items: Sequence[T]
    next_cursor: str | None = None
