"""The page that a browser sees when it comes back from a sign-in: nothing runs in it, and nothing in it was said by the other side."""

from html import escape

from starlette.responses import HTMLResponse

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Parlor: {title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="../../../../pages/page.css">
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def signed_in_page(server: str) -> HTMLResponse:
    body = f"<p><strong>{escape(server)}</strong> can now be used in your name. You may close this window.</p>"
    return HTMLResponse(_PAGE.format(title="Signed in", body=body), 200, _HEADERS)


def refused_page(sentence: str) -> HTMLResponse:
    body = f'<p class="problem" role="alert">{escape(sentence)}</p>\n<p>You may close this window.</p>'
    return HTMLResponse(_PAGE.format(title="Not signed in", body=body), 400, _HEADERS)
