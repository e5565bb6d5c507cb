"""`parlor users keys`: API keys from the terminal of the server."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.accounts.api_keys import Shown

app = typer.Typer(help="Make, list and revoke API keys of an account.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The account's email address.")]

_COLUMNS = ("id", "name", "prefix", "scopes", "budget_micros", "used_micros", "expires_at", "last_used_at", "revoked_at")
_PAGE = 200


@app.command()
def create(
    ctx: typer.Context,
    email: Email,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[list[str] | None, typer.Option(help="chat, read, wallet or admin; give it once for each. Without it: chat and read.")] = None,
    budget_micros: Annotated[int | None, typer.Option(min=0, help="The most that may be spent with it.")] = None,
    expires_in_days: Annotated[float | None, typer.Option(min=0.001, max=36_500, help="From then on it is refused. Without it: never.")] = None,
) -> None:
    """Make a key and print it. It is shown this once."""
    out = command_line(ctx)
    expires_at = datetime.now(UTC) + timedelta(days=expires_in_days) if expires_in_days is not None else None
    given: dict[str, Any] = {"name": name, "budget_micros": budget_micros, "expires_at": expires_at, **({"scopes": scope} if scope else {})}

    async def work(container: "AsyncContainer") -> "Shown":
        from parlor.accounts.api_key_schemas import ApiKeyCreate
        from parlor.accounts.api_keys import ApiKeys

        new = _checked(ApiKeyCreate, given).new_key()
        return await (await container.get(ApiKeys)).create(await _account_id(container, email), new)

    shown = out.run(work, everything=True)
    out.print_record({"key": shown.text, **_record(shown)})
    out.say("Keep it safe: it is not stored and cannot be shown again.")


@app.command("list")
def list_keys(ctx: typer.Context, email: Email) -> None:
    """List the keys of an account, the newest first."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "list[Shown]":
        from parlor.accounts.api_keys import ApiKeys

        keys, account_id = await container.get(ApiKeys), await _account_id(container, email)
        rows = page = await keys.list(account_id, most=_PAGE)
        while len(page) == _PAGE:
            page = await keys.list(account_id, before=page[-1].key.id, most=_PAGE)
            rows = [*rows, *page]
        return rows

    # everything: what a key has spent is known in another room
    out.print_rows([_record(shown) for shown in out.run(work, everything=True)], _COLUMNS)


@app.command()
def revoke(ctx: typer.Context, email: Email, key_id: Annotated[UUID, typer.Argument(help="Its id, as `list` shows it.")]) -> None:
    """End a key for good. Running servers refuse it within 5 seconds."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "Shown":
        from parlor.accounts.api_keys import ApiKeys

        return await (await container.get(ApiKeys)).revoke(await _account_id(container, email), key_id)

    out.print_record(_record(out.run(work, everything=True)))


async def _account_id(container: "AsyncContainer", email: str) -> UUID:
    from parlor.accounts.directory import AccountDirectory
    from parlor.core.db import Database

    directory = await container.get(AccountDirectory)
    return (await (await container.get(Database)).read(lambda tx: directory.get_by_email(tx, email))).id


def _checked(model: Any, given: dict[str, Any]) -> Any:
    """The body that the route takes, refused in one line for what the route refuses."""
    from pydantic import ValidationError

    from parlor.core.errors import Invalid

    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).removesuffix("s") if first["loc"] else "the options"
        raise Invalid(f"--{option.replace('_', '-')}: {first['msg'].removeprefix('Value error, ')}.") from error


def _record(shown: "Shown") -> dict[str, Any]:
    from parlor.accounts.api_key_schemas import fields_of

    fields = {**fields_of(shown), "created_at": shown.key.created_at}
    return {"id": fields.pop("id"), **fields}
