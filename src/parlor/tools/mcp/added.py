"""Servers that were added over the API: somewhere else, by an administrator for all, or by a user for themselves."""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec.structs import replace

from parlor.core.crypto import SecretKey
from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.core.outbound import Outbound, Refused, Unreachable, parse_url
from parlor.tools.mcp import pin_queries
from parlor.tools.mcp import server_queries as queries
from parlor.tools.mcp.errors import BadServerHeaders, BadServerUrl, NoSuchServer, ServerNameTaken, TooManyServers
from parlor.tools.mcp.events import McpServerAdded, McpServerChanged, McpServerRemoved
from parlor.tools.mcp.specs import ServerSpec

FRESH_SECONDS = 5
MOST_OF_USER = 20
MOST_HEADERS, MOST_HEADER_VALUE = 20, 8_192

_RESOLVE_SECONDS = 5
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OUR_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer", "accept", "accept-encoding", "keep-alive"}
    | {"proxy-authorization", "mcp-session-id", "mcp-protocol-version", "last-event-id"}
)


class AddedServer(msgspec.Struct, frozen=True):
    """With a `problem` it cannot be used. Of its headers only the names are for showing."""

    spec: ServerSpec
    is_enabled: bool
    header_names: tuple[str, ...]
    problem: str | None = None


def key_of(name: str, owner_id: UUID | None) -> str:
    return name if owner_id is None else f"{owner_id}/{name}"


class AddedServers:
    def __init__(self, db: Database, events: Events, secret_key: SecretKey, outbound: Outbound) -> None:
        self._db = db
        self._events = events
        self._secret_key = secret_key
        self._gate = outbound.gate
        self._servers: Mapping[str, AddedServer] = {}
        self._read_at: float | None = None
        self._reading = asyncio.Lock()

    async def fresh(self) -> Mapping[str, AddedServer]:
        """By key, at most 5 s old: the same object while nothing has changed. One read for all who wait."""
        if not self._is_fresh():
            async with self._reading:
                if not self._is_fresh():
                    await self._read()
        return self._servers

    async def read(self) -> Mapping[str, AddedServer]:
        async with self._reading:
            await self._read()
        return self._servers

    async def add(self, spec: ServerSpec, *, is_enabled: bool, by: UUID) -> AddedServer:
        """Raises BadServerUrl, BadServerHeaders, ServerNameTaken and TooManyServers."""
        await self._check(spec)

        def write(tx: Transaction) -> None:
            pin_queries.lock_server(tx, f"{spec.owner_id}/")
            if spec.owner_id is not None and queries.count(tx, spec.owner_id) >= MOST_OF_USER:
                raise TooManyServers(MOST_OF_USER)
            row_id, now = new_id(), tx.now()
            same = {"id": row_id, "key": spec.key, "owner_id": spec.owner_id, "name": spec.name, "created_by": by, "created_at": now}
            if not queries.add(tx, **same, **self._columns(row_id, spec, is_enabled), updated_at=now):
                raise ServerNameTaken(spec.name)
            self._events.record(tx, McpServerAdded(account_id=by, server=spec.key, url=_without_query(spec.url)))

        await self._db.write(write)
        return (await self.read())[spec.key]

    async def change(self, key: str, spec: ServerSpec, *, is_enabled: bool, by: UUID, fields: Sequence[str]) -> AddedServer:
        """`spec` is what it shall be from now on; its headers count when `fields` names them. Raises like `add`, and NoSuchServer."""
        await self._check(spec)

        def write(tx: Transaction) -> None:
            row = queries.find(tx, key)
            if row is None:
                raise NoSuchServer
            kept = {} if "headers" in fields else {"header_names": row.header_names, "headers_sealed": row.headers_sealed}
            queries.change(tx, key, {**self._columns(row.id, spec, is_enabled), **kept, "updated_at": tx.now()})
            self._events.record(tx, McpServerChanged(account_id=by, server=key, fields=tuple(sorted(fields))))

        await self._db.write(write)
        return (await self.read())[key]

    async def remove(self, key: str, *, by: UUID) -> None:
        """With all that is known of its tools. Raises NoSuchServer."""

        def write(tx: Transaction) -> None:
            if not queries.remove(tx, key):
                raise NoSuchServer
            pin_queries.remove_of_server(tx, key)
            self._events.record(tx, McpServerRemoved(account_id=by, server=key))

        await self._db.write(write)
        await self.read()

    async def _check(self, spec: ServerSpec) -> None:
        """A host that is not known now may be one later: then the gate looks at it when it is connected to, as it does every time."""
        check_headers(spec.headers)
        try:
            target = parse_url(spec.url)
            self._gate.check_literal(target)
            async with asyncio.timeout(_RESOLVE_SECONDS):
                await self._gate.addresses_of(target.host, target.port)
        except Refused as refused:
            raise BadServerUrl(refused.detail) from refused
        except (Unreachable, TimeoutError):
            pass

    def _columns(self, row_id: UUID, spec: ServerSpec, is_enabled: bool) -> dict[str, Any]:
        sealed = self._secret_key.seal(_purpose(row_id), json.dumps(dict(spec.headers)).encode()) if spec.headers else None
        return {
            "transport": spec.transport,
            "url": spec.url,
            "description": spec.description,
            "groups": sorted(spec.groups),
            "require_approval": list(spec.require_approval),
            "timeout_ms": int(spec.timeout_seconds * 1000),
            "uses_sign_in": spec.uses_sign_in,
            "is_enabled": is_enabled,
            "header_names": sorted(spec.headers),
            "headers_sealed": sealed,
        }

    def _is_fresh(self) -> bool:
        return self._read_at is not None and time.monotonic() - self._read_at < FRESH_SECONDS

    async def _read(self) -> None:
        began = time.monotonic()
        rows = await self._db.read(queries.all_rows)
        servers = {row.key: self._added(row) for row in rows}
        if servers != self._servers:
            self._servers = servers
        self._read_at = began

    def _added(self, row: Any) -> AddedServer:
        headers, problem = self._headers(row)
        spec = ServerSpec(
            *(row.key, row.name, row.transport, "api", row.owner_id, row.description),
            groups=frozenset(row.groups),
            require_approval=tuple(row.require_approval),
            timeout_seconds=row.timeout_ms / 1000,
            url=row.url,
            headers=headers,
            uses_sign_in=row.uses_sign_in,
        )
        return AddedServer(spec, row.is_enabled, tuple(row.header_names), problem)

    def _headers(self, row: Any) -> tuple[Mapping[str, str], str | None]:
        if row.headers_sealed is None:
            return {}, None
        opened = self._secret_key.unseal(_purpose(row.id), row.headers_sealed)
        if opened is None:
            return {}, "Its headers were sealed with another secret than the installation has now: set them again."
        return cast("dict[str, str]", json.loads(opened)), None


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises BadServerHeaders for what HTTP, or the protocol, does not let somebody else choose."""
    if len(headers) > MOST_HEADERS:
        raise BadServerHeaders(f"There are {len(headers)} headers, and {MOST_HEADERS} are the most.")
    for name, value in headers.items():
        if _HEADER_NAME.fullmatch(name) is None or name.lower() in _OUR_HEADERS:
            raise BadServerHeaders(f"{name[:100]!r} is not a header that can be set.")
        if len(value) > MOST_HEADER_VALUE or not value.isascii() or not value.isprintable() or value != value.strip():
            raise BadServerHeaders(f"The value of {name} is too long, or has spaces around it or characters that a header cannot have.")
    if len({name.lower() for name in headers}) < len(headers):
        raise BadServerHeaders("A header stands there twice.")


def owned_by(spec: ServerSpec, owner_id: UUID | None) -> ServerSpec:
    return replace(spec, owner_id=owner_id, key=key_of(spec.name, owner_id))


def _purpose(row_id: UUID) -> str:
    return f"mcp.headers:{row_id}"


def _without_query(url: str) -> str:
    """Some servers want their key in the query: it belongs into no event."""
    return url.partition("?")[0]
