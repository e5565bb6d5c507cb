"""`parlor users test-mail`: whether the settings of mail are right, found out by sending one."""

from typing import TYPE_CHECKING, Annotated

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer


def test_mail(ctx: typer.Context, address: Annotated[str, typer.Argument(help="Whom to send it to.")]) -> None:
    """Send a mail, and say what became of it."""
    out = command_line(ctx)

    async def work(container: "AsyncContainer") -> dict[str, str]:
        from parlor.accounts.mail import texts
        from parlor.accounts.mail.folder import FolderMailer
        from parlor.accounts.mail.ports import Mail, Mailer
        from parlor.accounts.settings import AuthSettings
        from parlor.accounts.text import normalise_email
        from parlor.core.ids import new_id
        from parlor.core.web.settings import ServerSettings

        mailer = await container.get(Mailer)
        settings, server = await container.get(AuthSettings), await container.get(ServerSettings)
        text = texts.trial(server.base_url())
        mail = Mail(new_id(), normalise_email(address), text.subject, text.text, text.html)
        await mailer.send(mail)
        left_by = {"folder": str(mailer.path)} if isinstance(mailer, FolderMailer) else {"smtp_host": f"{settings.mail.smtp_host}:{settings.mail.port}"}
        return {"recipient": mail.recipient, **left_by, "message_id": str(mail.id)}

    record = out.run(work)
    out.print_record(record)
    out.say("It was written to the folder, and sent nowhere." if "folder" in record else "The mail server has taken it.")
