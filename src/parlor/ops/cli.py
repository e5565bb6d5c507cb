"""`parlor health` and `parlor doctor`: what is wrong, and the cure."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parlor.command import CommandLine, command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

EXIT_FAILED = 1


def health(ctx: typer.Context) -> None:
    """How every part is. Exit code 1 when the house is down."""
    out = command_line(ctx)
    out.run(lambda container: _show_health(out, container), everything=True)


def doctor(
    ctx: typer.Context,
    deep: Annotated[bool, typer.Option("--deep", help="Also prove what must hold of all that is stored: reads the whole database.")] = False,
) -> None:
    """Look at settings, folders, schema and every part, and name the cures. Exit code 1 when something must be mended."""
    out = command_line(ctx)
    out.run(lambda container: _examine(out, container, deep=deep), everything=True)


async def _show_health(out: CommandLine, container: "AsyncContainer") -> None:
    from parlor.core.health import Status
    from parlor.ops.board import HealthBoard, overall

    seen = await (await container.get(HealthBoard)).look()
    rows = [
        {"component": each.name, "status": each.status.value, "latency_ms": each.latency_ms, "last_error": each.last_error, "advice": each.advice}
        for each in seen
    ]
    out.print_rows(rows, ["component", "status", "latency_ms", "last_error"])
    for each in seen:
        if each.advice:
            out.say(f"{each.name}: {each.advice}")
    if overall(seen) is Status.DOWN:
        raise typer.Exit(EXIT_FAILED)


async def _examine(out: CommandLine, container: "AsyncContainer", *, deep: bool) -> None:
    findings = [*_settings(out), *await _storage(out, container), *await _parts(container), *(await _stored(container) if deep else ())]
    out.print_rows(findings, ["finding", "about", "says", "cure"])
    wrong = sum(each["finding"] == "wrong" for each in findings)
    out.say("Nothing to mend." if not wrong else f"{wrong} to mend.")
    if wrong:
        raise typer.Exit(EXIT_FAILED)


def _finding(finding: str, about: str, says: str, cure: str | None = None) -> dict[str, Any]:
    """`finding` is ok, note or wrong."""
    return {"finding": finding, "about": about, "says": says, "cure": cure}


def _settings(out: CommandLine) -> Sequence[dict[str, Any]]:
    notes = [_finding("note", "settings", warning) for warning in out.settings.warnings]
    return notes or [_finding("ok", "settings", "valid")]


async def _storage(out: CommandLine, container: "AsyncContainer") -> Sequence[dict[str, Any]]:
    from parlor.core.collected import Migrations
    from parlor.core.db.migrate import status
    from parlor.core.db.settings import DatabaseSettings

    root = out.settings.root
    rows: list[dict[str, Any]] = []
    writable = root.data_dir.is_dir() and os.access(root.data_dir, os.W_OK | os.X_OK)
    cure = None if writable else "Set PARLOR_DATA_DIR to a folder that can be written, or start the server once."
    rows.append(_finding("ok" if writable else "wrong", "data directory", str(root.data_dir), cure))
    schema = await status(out.settings.group(DatabaseSettings), root, await container.get(Migrations))
    if schema.pending:
        rows.append(_finding("wrong", "schema", f"{schema.pending} migrations behind", "Run `parlor db upgrade`, or start the server."))
    else:
        rows.append(_finding("ok", "schema", schema.current or "empty"))
    return rows


async def _parts(container: "AsyncContainer") -> Sequence[dict[str, Any]]:
    from parlor.core.health import Status
    from parlor.ops.board import HealthBoard

    weight = {Status.OK: "ok", Status.OFF: "ok", Status.DEGRADED: "note", Status.DOWN: "wrong"}
    seen = await (await container.get(HealthBoard)).look()
    return [_finding(weight[each.status], each.name, each.last_error or each.status.value, each.advice) for each in seen]


async def _stored(container: "AsyncContainer") -> Sequence[dict[str, Any]]:
    from parlor.core.collected import Invariants
    from parlor.core.db import Database
    from parlor.core.invariants import check_invariants

    invariants = await container.get(Invariants)
    violations = await check_invariants(await container.get(Database), invariants)
    broken = {each.code for each in violations}
    wrong = [_finding("wrong", each.code, each.sentence, "Keep a backup, and report this: it must never happen.") for each in violations]
    return [*wrong, *(_finding("ok", each.code, each.statement) for each in invariants if each.code not in broken)]
