"""Which definitions of tools are trusted. A server that describes a tool otherwise later may want something else with it (a "rug pull")."""

import math
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

import msgspec

from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.tools.mcp import pin_queries as queries
from parlor.tools.mcp.definitions import hash_of
from parlor.tools.mcp.errors import DefinitionMoved, NoSuchServerTool
from parlor.tools.mcp.events import McpToolApproved, McpToolChanged
from parlor.tools.mcp.settings import McpSettings
from parlor.tools.mcp.specs import ServerSpec, ToolDefinition

FRESH_SECONDS = 5
_MOST_OWNERS = 500

PinState = Literal["ok", "changed", "new"]


class Pin(msgspec.Struct, frozen=True):
    """`approved` is what is trusted, `pending` what the server says now, where that is something else."""

    server_key: str
    tool: str
    approved_hash: str | None
    approved: ToolDefinition | None
    pending_hash: str | None
    pending: ToolDefinition | None
    is_listed: bool
    first_seen_at: datetime
    approved_at: datetime | None

    @property
    def state(self) -> PinState:
        if self.approved is None:
            return "new"
        return "ok" if self.pending is None else "changed"


Pins = Mapping[str, Mapping[str, Pin]]
"""By the server's key, then by the server's own name of the tool."""


class PinBook:
    def __init__(self, db: Database, events: Events, settings: McpSettings) -> None:
        self._db = db
        self._events = events
        self._settings = settings
        self._read: OrderedDict[UUID | None, tuple[float, Any, Pins]] = OrderedDict()

    def known(self, owner_id: UUID | None) -> Pins:
        """Of the operator's servers (None), or of a user's own: as they were read last."""
        found = self._read.get(owner_id)
        return {} if found is None else found[2]

    async def fresh(self, owner_id: UUID | None) -> Pins:
        """At most 5 s old. A look that finds nothing new reads one row."""
        found = self._read.get(owner_id)
        if found is not None and time.monotonic() - found[0] < FRESH_SECONDS:
            self._read.move_to_end(owner_id)
            return found[2]
        return await self.read(owner_id)

    async def read(self, owner_id: UUID | None) -> Pins:
        began, before = time.monotonic(), self._read.get(owner_id)

        def look(tx: Transaction) -> tuple[Any, Sequence[Any] | None]:
            stamp = queries.stamp(tx, owner_id)
            return stamp, None if before is not None and before[1] == stamp else queries.of_owner(tx, owner_id)

        stamp, rows = await self._db.read(look)
        pins = before[2] if rows is None and before is not None else _by_server(rows or ())
        self._read[owner_id] = (began, stamp, pins)
        self._read.move_to_end(owner_id)
        while len(self._read) > _MOST_OWNERS:
            self._read.popitem(last=False)
        return pins

    async def compare(self, spec: ServerSpec, definitions: Sequence[ToolDefinition], *, is_whole: bool = True) -> None:
        """What a server has just said of its tools, beside what is known of it.

        The first list of a server is trusted as it is; later tools as `tools.mcp.new_tools` says; another definition of a known tool waits for approval,
        and one that is again as it was approved waits no longer. Without `is_whole` the list is one user's: a tool that is not in it is not gone.
        """
        before = {row.tool: row for row in await self._db.read(lambda tx: queries.of_server(tx, spec.key))}
        if before and not _differs(before, definitions, is_whole=is_whole):
            return
        await self._db.write(lambda tx: self._compare(tx, spec, definitions, is_whole))
        await self.read(spec.owner_id)

    def _compare(self, tx: Transaction, spec: ServerSpec, definitions: Sequence[ToolDefinition], is_whole: bool) -> None:
        queries.lock_server(tx, spec.key)
        before = {row.tool: row for row in queries.of_server(tx, spec.key)}
        trusts_new = not before or self._settings.new_tools == "allow"
        for each in definitions:
            if (row := before.get(each.name)) is None:
                self._add(tx, spec, each, is_trusted=trusts_new)
            else:
                self._meet_again(tx, spec, row, each)
        named = {each.name for each in definitions}
        for row in before.values():
            if is_whole and row.is_listed and row.tool not in named:
                queries.change(tx, spec.key, row.tool, _values(row, tx, is_listed=False))

    def _add(self, tx: Transaction, spec: ServerSpec, definition: ToolDefinition, *, is_trusted: bool) -> None:
        digest, body, now = hash_of(definition), _body(definition), tx.now()
        queries.add(
            tx,
            server_key=spec.key,
            tool=definition.name,
            owner_id=spec.owner_id,
            approved_hash=digest if is_trusted else None,
            approved=body if is_trusted else None,
            pending_hash=None if is_trusted else digest,
            pending=None if is_trusted else body,
            is_listed=True,
            first_seen_at=now,
            approved_at=now if is_trusted else None,
            approved_by=None,
            updated_at=now,
        )
        if not is_trusted:
            self._tell_changed(tx, spec, definition.name, None, digest)

    def _meet_again(self, tx: Transaction, spec: ServerSpec, row: Any, definition: ToolDefinition) -> None:
        digest = hash_of(definition)
        if row.approved_hash == digest:
            if row.pending_hash is not None or not row.is_listed:
                queries.change(tx, spec.key, row.tool, _values(row, tx, pending_hash=None, pending=None, is_listed=True))
        elif row.pending_hash != digest:
            queries.change(tx, spec.key, row.tool, _values(row, tx, pending_hash=digest, pending=_body(definition), is_listed=True))
            self._tell_changed(tx, spec, row.tool, row.approved_hash, digest)
        elif not row.is_listed:
            queries.change(tx, spec.key, row.tool, _values(row, tx, is_listed=True))

    async def approve(self, spec: ServerSpec, tool: str, digest: str | None, *, by: UUID | None) -> Pin:
        """Trust what the server says of this tool now. `digest` is of the definition that was looked at; None takes whatever waits.

        Approving what is approved changes nothing. Raises NoSuchServerTool and DefinitionMoved.
        """
        row = await self._db.write(lambda tx: self._approve(tx, spec, tool, digest, by))
        await self.read(spec.owner_id)
        return _pin(row)

    def _approve(self, tx: Transaction, spec: ServerSpec, tool: str, digest: str | None, by: UUID | None) -> Any:
        queries.lock_server(tx, spec.key)
        row = next((row for row in queries.of_server(tx, spec.key) if row.tool == tool), None)
        if row is None:
            raise NoSuchServerTool(spec.name, tool)
        if row.pending_hash is None:
            if digest is not None and digest != row.approved_hash:
                raise DefinitionMoved
            return row
        if digest is not None and digest != row.pending_hash:
            raise DefinitionMoved
        approved = {"approved_hash": row.pending_hash, "approved": row.pending, "approved_at": tx.now(), "approved_by": by}
        queries.change(tx, spec.key, tool, _values(row, tx, **approved, pending_hash=None, pending=None))
        self._events.record(tx, McpToolApproved(account_id=spec.owner_id or by, server=spec.key, tool=tool, approved_hash=row.pending_hash))
        return next(row for row in queries.of_server(tx, spec.key) if row.tool == tool)

    def _tell_changed(self, tx: Transaction, spec: ServerSpec, tool: str, approved_hash: str | None, pending_hash: str) -> None:
        self._events.record(tx, McpToolChanged(account_id=spec.owner_id, server=spec.key, tool=tool, approved_hash=approved_hash, pending_hash=pending_hash))

    def expire(self) -> None:
        """Everything in memory is old from now on."""
        self._read = OrderedDict((owner_id, (-math.inf, stamp, pins)) for owner_id, (_, stamp, pins) in self._read.items())

    def forget(self, owner_id: UUID | None) -> None:
        self._read.pop(owner_id, None)


def _differs(before: Mapping[str, Any], definitions: Sequence[ToolDefinition], *, is_whole: bool) -> bool:
    named = {each.name: hash_of(each) for each in definitions}
    if is_whole and any(row.is_listed and row.tool not in named for row in before.values()):
        return True
    return any((row := before.get(name)) is None or not row.is_listed or _stands_at(row) != digest for name, digest in named.items())


def _stands_at(row: Any) -> str:
    """The definition that the server was last heard to give."""
    return row.pending_hash or row.approved_hash


def _values(row: Any, tx: Transaction, **changes: Any) -> dict[str, Any]:
    kept = {name: getattr(row, name) for name in ("approved_hash", "approved", "pending_hash", "pending", "is_listed", "approved_at", "approved_by")}
    return {**kept, **changes, "updated_at": tx.now()}


def _body(definition: ToolDefinition) -> dict[str, Any]:
    return {"description": definition.description, "parameters": definition.parameters, "is_idempotent": definition.is_idempotent}


def _by_server(rows: Sequence[Any]) -> Pins:
    pins: dict[str, dict[str, Pin]] = {}
    for row in rows:
        pins.setdefault(row.server_key, {})[row.tool] = _pin(row)
    return pins


def _pin(row: Any) -> Pin:
    return Pin(
        row.server_key,
        row.tool,
        row.approved_hash,
        _definition(row.tool, row.approved),
        row.pending_hash,
        _definition(row.tool, row.pending),
        row.is_listed,
        row.first_seen_at,
        row.approved_at,
    )


def _definition(tool: str, body: Any) -> ToolDefinition | None:
    if body is None:
        return None
    given = cast("Mapping[str, Any]", body)
    return ToolDefinition(tool, given["description"], given["parameters"], given["is_idempotent"])
