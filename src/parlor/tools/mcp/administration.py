"""Adding, changing and removing servers over the API, and approving their tools: who may, and what."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from parlor.accounts import AdministratorsOnly, Caller
from parlor.core.outbound import Refused, parse_url
from parlor.tools.mcp.added import AddedServers, key_of
from parlor.tools.mcp.catalog import McpServers
from parlor.tools.mcp.errors import BadServerHeaders, BadServerUrl, ServerFromFile, ServerNameTaken, UserServersOff
from parlor.tools.mcp.known import Known, Look
from parlor.tools.mcp.pins import Pin, PinBook
from parlor.tools.mcp.settings import McpSettings
from parlor.tools.mcp.specs import ServerSpec
from parlor.tools.ports import ToolCaller


class Wanted(msgspec.Struct, frozen=True):
    """What somebody wants to add. The owner, and with that the key, follow from who it is."""

    name: str
    url: str
    is_enabled: bool
    fields: Mapping[str, Any]
    """Of the spec: transport, description, groups, require_approval, timeout_seconds, headers, uses_sign_in."""


class McpAdministration:
    def __init__(self, servers: McpServers, added: AddedServers, pins: PinBook, settings: McpSettings) -> None:
        self._servers = servers
        self._added = added
        self._pins = pins
        self._settings = settings

    async def add(self, caller: Caller, wanted: Wanted) -> Known:
        """An administrator's is the operator's; anybody else's is their own.

        Raises UserServersOff, ServerNameTaken, TooManyServers and what `AddedServers.add` does.
        """
        if not caller.is_admin and not self._settings.allow_user_servers:
            raise UserServersOff
        if await self._servers.find_known(wanted.name, ToolCaller.of(caller)) is not None:
            raise ServerNameTaken(wanted.name)
        owner_id = None if caller.is_admin else caller.account_id
        spec = ServerSpec(key_of(wanted.name, owner_id), wanted.name, origin="api", owner_id=owner_id, url=wanted.url, **wanted.fields)
        if owner_id is not None:
            spec = replace(spec, groups=frozenset())
        await self._added.add(spec, is_enabled=wanted.is_enabled, by=caller.account_id)
        return (await self._servers.known())[spec.key]

    async def change(self, caller: Caller, name: str, changes: Mapping[str, Any]) -> Known:
        """`changes` are of the spec's fields, and is_enabled. Raises NoSuchServer, AdministratorsOnly and ServerFromFile."""
        await self._added.read()
        known = await self._changeable(caller, name)
        if "url" in changes and "headers" not in changes and known.header_names and _origin(changes["url"]) != _origin(known.spec.url):
            raise BadServerHeaders("Its headers were for another host: send them again with the new URL, or {} for none.")
        fields = {field: value for field, value in changes.items() if field != "is_enabled" and not (field == "groups" and known.spec.owner_id is not None)}
        spec = replace(known.spec, **fields)
        if changes:
            is_enabled = changes.get("is_enabled", known.is_enabled)
            await self._added.change(spec.key, spec, is_enabled=is_enabled, by=caller.account_id, fields=tuple(changes))
        return (await self._servers.known())[spec.key]

    async def remove(self, caller: Caller, name: str) -> None:
        known = await self._changeable(caller, name)
        await self._added.remove(known.spec.key, by=caller.account_id)
        self._pins.forget(known.spec.owner_id)
        await self._servers.known()

    async def test(self, caller: Caller, name: str) -> Look:
        """Connect now, and list its tools. Raises NoSuchServer and AdministratorsOnly."""
        known = await self._theirs(caller, name)
        if not known.is_usable:
            return Look(0, 0, error=known.problem or "It is switched off.")
        return await self._servers.look(known, ToolCaller.of(caller))

    async def approve(self, caller: Caller, name: str, tool: str, digest: str) -> Pin:
        """Raises NoSuchServer, AdministratorsOnly, NoSuchServerTool and DefinitionMoved."""
        known = await self._theirs(caller, name)
        return await self._pins.approve(known.spec, tool, digest, by=caller.account_id)

    async def _theirs(self, caller: Caller, name: str) -> Known:
        """Their own, or for administrators the operator's."""
        known = await self._servers.get(name, ToolCaller.of(caller))
        if known.spec.owner_id != caller.account_id and not caller.is_admin:
            raise AdministratorsOnly
        return known

    async def _changeable(self, caller: Caller, name: str) -> Known:
        known = await self._theirs(caller, name)
        if known.spec.origin != "api":
            raise ServerFromFile(name, known.spec.origin)
        return known


def _origin(url: str) -> object:
    """Raises BadServerUrl."""
    try:
        return parse_url(url).origin
    except Refused as refused:
        raise BadServerUrl(refused.detail) from refused
