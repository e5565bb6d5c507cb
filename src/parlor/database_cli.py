"""`parlor db`: the schema of the database."""

from typing import TYPE_CHECKING

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.core.db.migrate import SchemaStatus


def upgrade(ctx: typer.Context) -> None:
    """Run the migrations that are missing. Needs the data directory for itself: a server does this when it starts."""
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> None:
        from parlor.core.collected import Migrations
        from parlor.core.db import DatabaseSettings, migrate
        from parlor.core.db.opening import lock_data_dir
        from parlor.core.settings import RootSettings

        root, settings, places = await container.get(RootSettings), await container.get(DatabaseSettings), await container.get(Migrations)
        with lock_data_dir(root):
            before = await migrate.upgrade(settings, root, places)
            _show(ctx, await migrate.status(settings, root, places))
        line.say(f"{before.pending} migrations run." if before.pending else "Nothing to do.")

    line.run(work)


def status(ctx: typer.Context) -> None:
    """Where the schema stands. Exit code 1 when migrations are missing."""

    async def work(container: "AsyncContainer") -> bool:
        from parlor.core.collected import Migrations
        from parlor.core.db import DatabaseSettings, migrate
        from parlor.core.settings import RootSettings

        found = await migrate.status(await container.get(DatabaseSettings), await container.get(RootSettings), await container.get(Migrations))
        _show(ctx, found)
        return found.pending == 0

    if not command_line(ctx).run(work):
        raise typer.Exit(1)


def _show(ctx: typer.Context, found: "SchemaStatus") -> None:
    command_line(ctx).print_record({"current": found.current, "newest": found.newest, "pending": found.pending})
