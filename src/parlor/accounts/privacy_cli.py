"""`parlor users export` and `parlor users erase`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from uuid import UUID

    from dishka import AsyncContainer

    from parlor.accounts.erasure import Receipt

EXIT_UNFINISHED = 1
Who = Annotated[str, typer.Argument(help="The account's email address, username or id.")]


def export(
    ctx: typer.Context,
    who: Who,
    out_file: Annotated[Path | None, typer.Option("--out", help="Where to write it; - is standard output. Without it a file of its own here.")] = None,
) -> None:
    """Write everything that is stored about an account into one zip file."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "tuple[UUID, Path, int]":
        from parlor.accounts.administration import Administration

        account = await (await container.get(Administration)).find(who)
        path = out_file or Path(f"parlor-export-{account.id}.zip")
        return account.id, path, await _write(container, account.id, path)

    account_id, path, size_bytes = out.run(work, everything=True)
    if str(path) != "-":
        out.print_record({"account_id": account_id, "file": str(path), "size_bytes": size_bytes})


async def _write(container: "AsyncContainer", account_id: "UUID", path: Path) -> int:
    """A file that only its owner can read, and that is there only once it is whole."""
    from parlor.accounts.exports import Exports

    pieces = await (await container.get(Exports)).open(account_id)
    if str(path) == "-":
        return sum([_put(sys.stdout.buffer, piece) async for piece in pieces])
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with _new_private_file(draft) as file:
            size_bytes = sum([_put(file, piece) async for piece in pieces])
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return size_bytes


def _new_private_file(path: Path) -> BinaryIO:
    from parlor.core.errors import Invalid

    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
    except OSError as error:
        raise Invalid(f"{path.parent} cannot be written ({error.strerror}): choose another place with --out.") from error


def _put(file: BinaryIO, piece: bytes) -> int:
    file.write(piece)
    return len(piece)


def erase(
    ctx: typer.Context,
    who: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase an account and everything in it, for good."""
    out = command_line(ctx)
    if not yes:
        typer.confirm(f"Erase {who} and all that is stored of them, for good?", abort=True, err=True)

    async def work(container: "AsyncContainer") -> "Receipt":
        from parlor.accounts.administration import Administration
        from parlor.accounts.erasure import Erasure

        account_id = await (await container.get(Administration)).find_id(who)
        return await (await container.get(Erasure)).erase(account_id)

    receipt = out.run(work, everything=True)
    out.print_record({"account_id": receipt.account_id, "erased_at": receipt.erased_at, "receipt": dict(receipt.counts)})
    if receipt.erased_at is None:
        out.say("The account is gone; a running server removes the rest. Repeat this with the account's id to see how far it is.")
        raise typer.Exit(EXIT_UNFINISHED)
