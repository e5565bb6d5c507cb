"""Bodies and replies of Composio's routes."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, SecretStr

from parlor.core.web.schemas import Body, Reply
from parlor.tools.composio.callbacks import MAX_CALLBACK
from parlor.tools.composio.connections import Begun, Connection
from parlor.tools.composio.definitions import tool_name, visible
from parlor.tools.composio.settings import TOOLKIT_PATTERN
from parlor.tools.composio.statuses import Status
from parlor.tools.composio.wire import Action, AuthConfig, MadeAuthConfig, Toolkit

ToolkitSlug = Annotated[str, Field(pattern=f"^{TOOLKIT_PATTERN}$", description="In lower case: github.", examples=["github"])]
UpstreamId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.:-]+$")]


class AuthConfigCreate(Body):
    toolkit: ToolkitSlug
    auth_scheme: str | None = Field(
        default=None, pattern=r"^[A-Z0-9_]{1,40}$", description="OAUTH2, API_KEY, ... with credentials of your own; without it Composio's own app is used."
    )
    credentials: dict[str, SecretStr] | None = Field(default=None, description="What the scheme needs, such as client_id and client_secret. Shown to nobody.")
    name: str | None = Field(default=None, min_length=1, max_length=200)

    def secrets(self) -> dict[str, str] | None:
        return None if self.credentials is None else {name: value.get_secret_value() for name, value in self.credentials.items()}


class AuthConfigRead(Reply):
    id: str
    toolkit: str
    name: str | None = None
    auth_scheme: str | None
    is_composio_managed: bool | None
    status: str | None = None
    connections: int | None = None

    @classmethod
    def of(cls, config: AuthConfig) -> "AuthConfigRead":
        return cls(
            id=config.id,
            toolkit=config.toolkit.slug,
            name=config.name,
            auth_scheme=config.auth_scheme,
            is_composio_managed=config.is_composio_managed,
            status=config.status.lower(),
            connections=int(config.no_of_connections),
        )

    @classmethod
    def made(cls, made: MadeAuthConfig) -> "AuthConfigRead":
        config = made.auth_config
        return cls(id=config.id, toolkit=made.toolkit.slug, auth_scheme=config.auth_scheme, is_composio_managed=config.is_composio_managed)


class ToolkitRead(Reply):
    slug: str
    name: str
    description: str | None
    logo: str | None
    version: str | None = Field(description="The newest that Composio has; what is executed is in the settings, or was the newest when it was first needed.")
    actions: int
    no_auth: bool | None = Field(description="Whether it works without a connection; null where Composio does not say.")
    auth_schemes: list[str]
    managed_auth_schemes: list[str] = Field(description="Those for which Composio has an app of its own: they need no auth config of yours.")

    @classmethod
    def of(cls, toolkit: Toolkit) -> "ToolkitRead":
        return cls(
            slug=toolkit.slug,
            name=visible(toolkit.name),
            description=visible(toolkit.meta.description) if toolkit.meta.description else None,
            logo=toolkit.meta.logo,
            version=toolkit.meta.version,
            actions=int(toolkit.meta.tools_count),
            no_auth=toolkit.no_auth,
            auth_schemes=toolkit.auth_schemes or [],
            managed_auth_schemes=toolkit.composio_managed_auth_schemes or [],
        )


class ActionRead(Reply):
    slug: str
    tool: str = Field(description="What it is called as a tool of an agent.")
    name: str
    description: str | None
    parameters: dict[str, Any] = Field(description="JSON schema of its arguments.")
    no_auth: bool
    version: str | None
    needs_approval: bool

    @classmethod
    def of(cls, action: Action, *, needs_approval: bool) -> "ActionRead":
        return cls(
            slug=action.slug,
            tool=tool_name(action.slug),
            name=visible(action.name),
            description=visible(action.description) if action.description else None,
            parameters=action.input_parameters or {},
            no_auth=action.no_auth,
            version=action.version,
            needs_approval=needs_approval,
        )


class ConnectionInitiate(Body):
    toolkit: ToolkitSlug
    auth_config_id: UpstreamId | None = Field(default=None, description="Left out: the operator's choice, else the newest, else a new one of Composio's own.")
    callback_url: str | None = Field(
        default=None, max_length=MAX_CALLBACK, description="Where the browser goes in the end: a path of this server, or an address at one of its origins."
    )


class ConnectionBegun(Reply):
    connection_id: UUID
    redirect_url: str = Field(description="Where the person signs in. Shown this once.")
    status: Status

    @classmethod
    def of(cls, begun: Begun) -> "ConnectionBegun":
        return cls(connection_id=begun.connection.id, redirect_url=begun.redirect_url, status=begun.connection.status)


class ConnectionRead(Reply):
    id: UUID
    toolkit: str
    auth_config_id: str
    status: Status
    status_reason: str | None
    created_at: datetime
    updated_at: datetime = Field(description="When its status changed.")

    @classmethod
    def of(cls, connection: Connection) -> "ConnectionRead":
        return cls(
            id=connection.id,
            toolkit=connection.toolkit,
            auth_config_id=connection.auth_config_id,
            status=connection.status,
            status_reason=connection.status_reason,
            created_at=connection.created_at,
            updated_at=connection.updated_at,
        )


class ActionExecute(Body):
    arguments: dict[str, Any] = Field(default_factory=dict)
    connection_id: UUID | None = Field(default=None, description="One of yours; left out: the newest of the toolkit.")
    confirm: str | None = Field(default=None, max_length=200, description="What a refusal with `tools.approval_required` gave: you have looked at the call.")
