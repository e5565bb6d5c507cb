"""Auth configs: how users of a toolkit sign in. Composio keeps them; here is which one a sign-in goes through."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.errors import ComposioRefused, NoSuchAuthConfig, NoSuchToolkit, UnknownToComposio
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.wire import AuthConfig, MadeAuthConfig, Page
from parlor.tools.ports import ToolCaller

MANAGED: Mapping[str, Any] = {"type": "use_composio_managed_auth"}


class AuthConfigs:
    def __init__(self, client: ComposioClient, policy: ToolkitPolicy) -> None:
        self._client = client
        self._policy = policy
        self._making = asyncio.Lock()

    async def list(self, *, toolkit: str | None = None, limit: int, cursor: str | None = None) -> Page[AuthConfig]:
        return await self._client.auth_configs(toolkit=toolkit, limit=limit, cursor=cursor)

    async def create(self, toolkit: str, *, scheme: str | None = None, credentials: Mapping[str, Any] | None = None, name: str | None = None) -> MadeAuthConfig:
        """Without a scheme Composio's own app is what users sign in to. Raises NoSuchToolkit, ComposioRefused."""
        custom = {"type": "use_custom_auth", "authScheme": scheme, "credentials": dict(credentials or {})}
        config = {**(MANAGED if scheme is None else custom), **({} if name is None else {"name": name})}
        try:
            return await self._client.create_auth_config(toolkit, config)
        except UnknownToComposio as error:
            raise NoSuchToolkit from error

    async def chosen(self, caller: ToolCaller, toolkit: str, wanted: str | None = None) -> str:
        """The one that a sign-in of this caller goes through: the operator's, else the newest, else a new one of Composio's own.

        Only administrators may go past the operator's choice. Raises NoSuchAuthConfig, NoSuchToolkit, ComposioRefused.
        """
        operators = self._policy.settings_of(toolkit).auth_config_id
        if operators is not None and wanted in (None, operators):
            return operators
        if operators is not None and not caller.is_unlimited:
            raise NoSuchAuthConfig
        usable = await self._usable(toolkit)
        if wanted is not None:
            if wanted not in {each.id for each in usable}:
                raise NoSuchAuthConfig
            return wanted
        if not usable:
            async with self._making:  # two who come at once make one
                usable = await self._usable(toolkit)
                if not usable:
                    return (await self._made_managed(toolkit)).auth_config.id
        return max(usable, key=lambda each: each.created_at or "").id

    async def _usable(self, toolkit: str) -> Sequence[AuthConfig]:
        found = (await self._client.auth_configs(toolkit=toolkit)).items
        return [each for each in found if each.status == "ENABLED" and each.toolkit.slug in ("", toolkit)]

    async def _made_managed(self, toolkit: str) -> MadeAuthConfig:
        try:
            return await self.create(toolkit)
        except ComposioRefused as error:
            cure = "an administrator makes an auth config for it first (POST /composio/auth-configs)"
            raise ComposioRefused(f"Composio has no sign-in of its own for {toolkit}: {cure}.", **error.facts) from error
