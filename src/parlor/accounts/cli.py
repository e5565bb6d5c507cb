"""`parlor users`: accounts from the terminal of the server. Nothing here needs a running server."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from parlor.accounts.mail.cli import test_mail
from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.accounts.account import Account

app = typer.Typer(help="Accounts: make, list, change, export and erase them.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(help="The account's email address, username or id.")]

_COLUMNS = ("id", "email", "username", "role", "groups", "status", "created_at")


@app.command()
def create(
    ctx: typer.Context,
    login: Annotated[str, typer.Argument(metavar="EMAIL", help="The account's email address, or a username where auth.email_required is false.")],
    admin: Annotated[bool, typer.Option("--admin", help="Make it an administrator.")] = False,
    username: Annotated[str | None, typer.Option(help="A second name to sign in with.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin instead of asking.")] = False,
) -> None:
    """Make an account, with its wallet and bonus."""
    out = command_line(ctx)
    password = _password_from_stdin() if password_stdin else typer.prompt("Password", hide_input=True, confirmation_prompt="Password again", err=True)

    async def work(container: "AsyncContainer") -> "Account":
        from parlor.accounts.settings import AuthSettings
        from parlor.accounts.sign_up import Application, SignUp

        is_username = "@" not in login and username is None and not (await container.get(AuthSettings)).email_required
        names = {"username": login} if is_username else {"email": login, "username": username}
        application = Application(password=password, **names)
        return await (await container.get(SignUp)).create(application, "admin" if admin else "user")

    out.print_record(_record(out.run(work, everything=True)))


@app.command("list")
def list_users(
    ctx: typer.Context,
    search: Annotated[str, typer.Option("--search", "-q", help="What is in the email address, the username or the display name.")] = "",
    role: Annotated[Literal["user", "admin"] | None, typer.Option(help="Only these.")] = None,
    status: Annotated[Literal["active", "suspended"] | None, typer.Option(help="Only these.")] = None,
    group: Annotated[str | None, typer.Option(help="Only the members of this group.")] = None,
    page_size: Annotated[int, typer.Option(min=1, max=1000, hidden=True)] = 200,
) -> None:
    """List accounts, the newest first."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "list[Account]":
        from parlor.accounts.administration import Administration, Filter

        chosen = Filter(search, role, status, group)
        administration = await container.get(Administration)
        accounts = page = await administration.list(chosen, most=page_size)
        while len(page) == page_size:
            page = await administration.list(chosen, before=page[-1].id, most=page_size)
            accounts = [*accounts, *page]
        return accounts

    out.print_rows([_record(account) for account in out.run(work)], _COLUMNS)


@app.command()
def promote(ctx: typer.Context, email: Annotated[str, typer.Argument(help="The account's email address.")]) -> None:
    """Make an administrator of an account."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "Account":
        from parlor.accounts.administration import Administration

        return await (await container.get(Administration)).promote(email)

    out.print_record(_record(out.run(work, everything=True)))


@app.command()
def show(ctx: typer.Context, who: Who) -> None:
    """Show one account."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "Account":
        from parlor.accounts.administration import Administration

        return await (await container.get(Administration)).find(who)

    account = out.run(work)
    more = ("display_name", "email_verified", "locale", "avatar_url", "preferences")
    out.print_record(_record(account) | {name: getattr(account, name) for name in more})


@app.command()
def demote(ctx: typer.Context, who: Who) -> None:
    """Make an ordinary account of an administrator. The last active one stays."""
    _change(ctx, who, role="user")


@app.command()
def suspend(ctx: typer.Context, who: Who) -> None:
    """Keep somebody out until further notice. Ends every sign-in."""
    _change(ctx, who, status="suspended")


@app.command()
def activate(ctx: typer.Context, who: Who) -> None:
    """Let somebody who was suspended sign in again."""
    _change(ctx, who, status="active")


@app.command()
def groups(
    ctx: typer.Context,
    who: Who,
    names: Annotated[list[str] | None, typer.Argument(help="All groups that the account is in from now on.", show_default=False)] = None,
    none: Annotated[bool, typer.Option("--none", help="Take the account out of every group.")] = False,
) -> None:
    """Put an account into exactly these groups."""
    if bool(names) == none:
        raise typer.BadParameter("name the groups, or say --none")
    _change(ctx, who, groups=names or [])


def _change(ctx: typer.Context, who: str, **changes: Any) -> None:
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> "Account":
        from parlor.accounts.administration import Administration

        administration = await container.get(Administration)
        return await administration.change((await administration.find(who)).id, **changes)

    out.print_record(_record(out.run(work, everything=True)))


@app.command("setup-link")
def setup_link(
    ctx: typer.Context,
    base_url: Annotated[str | None, typer.Option(help="Where the server is reached, if not where the settings say.")] = None,
) -> None:
    """Print the link that makes the first administrator, while there is none."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> str:
        from parlor.accounts.errors import SetupDone
        from parlor.accounts.setup import SetupLinks

        link = await (await container.get(SetupLinks)).find(base_url)
        if link is None:
            raise SetupDone("There is an administrator already: `parlor users promote EMAIL` makes another.")
        return link

    link = out.run(work)
    if out.json:
        out.print_json({"link": link})
    else:
        typer.echo(link)


app.command("test-mail")(test_mail)


def _password_from_stdin() -> str:
    from parlor.core.errors import Invalid

    line = sys.stdin.readline()
    if not line:
        raise Invalid("There is no password on stdin: printf '%s' \"$PASSWORD\" | parlor users create EMAIL --password-stdin")
    return line.rstrip("\r\n")


def _record(account: "Account") -> dict[str, Any]:
    return {name: getattr(account, name) for name in _COLUMNS}
