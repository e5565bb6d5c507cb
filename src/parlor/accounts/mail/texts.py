"""What the mails say. English; short, and without anything that the reader wrote (a name in a mail is a way to send advertisements)."""

from html import escape

import msgspec


class Text(msgspec.Struct, frozen=True):
    subject: str
    text: str
    html: str


def verify_email(link: str, host: str, lifetime_seconds: int) -> Text:
    return _with_link(
        subject=f"Confirm your address for {host}",
        before=f"Somebody, most likely you, made an account at {host} with this address. Open this link to confirm that it is yours:",
        link=link,
        label="Confirm my address",
        after=f"The link works once, for {_span(lifetime_seconds)}. If it was not you, ignore this mail.",
    )


def reset_password(link: str, host: str, lifetime_seconds: int) -> Text:
    return _with_link(
        subject=f"A new password for {host}",
        before=f"Somebody, most likely you, asked for a new password at {host}. Open this link to choose one:",
        link=link,
        label="Choose a new password",
        after=f"The link works once, for {_span(lifetime_seconds)}. If it was not you, ignore this mail: your password stays as it is.",
    )


def trial(host: str) -> Text:
    sentence = f"This is a test: {host} can send mail."
    return Text(f"A test from {host}", sentence + "\n", _page(f"<p>{escape(sentence)}</p>"))


def _with_link(*, subject: str, before: str, link: str, label: str, after: str) -> Text:
    text = f"{before}\n\n{link}\n\n{after}\n"
    button = f'<p><a href="{escape(link)}">{escape(label)}</a></p>\n<p>{escape(link)}</p>'
    return Text(subject, text, _page(f"<p>{escape(before)}</p>\n{button}\n<p>{escape(after)}</p>"))


def _page(body: str) -> str:
    return f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<body>\n{body}\n</body>\n</html>\n'


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"
