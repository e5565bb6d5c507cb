"""`parlor sessions`: what somebody has said, out into a file and in again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer
from msgspec.structs import asdict

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.chat.transfer.exports import ExportFile
    from parlor.chat.transfer.imports import ImportOutcome

User = Annotated[str, typer.Option("--user", help="Whose: an email address, a username or an id.")]
Out = Annotated[Path | None, typer.Option("--out", help="Where to write it. Without it standard output.")]


async def _account_of(container: "AsyncContainer", who: str) -> UUID:
    from parlor.accounts import Administration

    return await (await container.get(Administration)).find_id(who)


def list_sessions(ctx: typer.Context, user: User, most: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 50) -> None:
    """List somebody's sessions, last used first."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> list[Any]:
        from parlor.chat.sessions import Listing, Sessions

        rows, _ = await (await container.get(Sessions)).list(await _account_of(container, user), Listing(), None, most)
        return [{"id": row.id, "title": row.title, "messages": row.message_count, "last_active_at": row.last_active_at} for row in rows]

    out.print_rows(out.run(work))


def export(
    ctx: typer.Context,
    user: User,
    session: Annotated[UUID | None, typer.Argument(help="Which session. Without one all of them, as JSON.")] = None,
    format: Annotated[Literal["json", "markdown"], typer.Option(help="json can be imported again; markdown is to be read.")] = "json",
    out_file: Out = None,
) -> None:
    """Write a session, or all of them, into a file."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> None:
        from parlor.chat.transfer.exports import SessionExports

        exports, account_id = await container.get(SessionExports), await _account_of(container, user)
        if session is None:
            return await _write(exports.all_as_json(account_id), out_file)
        as_file = exports.as_markdown if format == "markdown" else exports.as_json
        return await _write(await as_file(session, account_id, None), out_file)

    out.run(work)


async def _write(file: "ExportFile", path: Path | None) -> None:
    """A file that is there only once it is whole."""
    if path is None:
        async for piece in file.chunks:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("wb") as target:
            async for piece in file.chunks:
                target.write(piece)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def import_file(ctx: typer.Context, path: Annotated[Path, typer.Argument(help="An export of Parlor, ChatGPT or Open WebUI.")], user: User) -> None:
    """Make a session of every conversation in a file. The same file again makes them again."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "ImportOutcome":
        from parlor.chat.transfer.files import UnreadableImport
        from parlor.chat.transfer.imports import SessionImports

        try:
            content = path.read_bytes()
        except OSError as error:
            raise UnreadableImport(f"{path} cannot be read: {error.strerror}.") from error
        return await (await container.get(SessionImports)).run(await _account_of(container, user), content)

    outcome = out.run(work)
    if out.json:
        out.print_record(asdict(outcome))
        return
    out.print_rows([asdict(each) for each in outcome.sessions])
    for each in outcome.skipped:
        typer.echo(f"skipped {each.index}: {each.reason}", err=True)
