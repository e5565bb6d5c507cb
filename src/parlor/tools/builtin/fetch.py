"""Reading a page of the public web, through the gate that every URL of strangers passes."""

from collections.abc import Mapping
from email.message import Message
from typing import Any

from parlor.core.errors import ParlorError
from parlor.core.outbound import Outbound
from parlor.tools.builtin.page_text import text_of_page
from parlor.tools.errors import ToolError
from parlor.tools.ports import ExecutionContext

MOST_BYTES = 2 * 1024 * 1024
MOST_CHARS = 20_000
_TEXTS = ("text/", "application/json", "application/xml", "application/xhtml+xml", "application/rss+xml", "application/atom+xml", "application/javascript")


class Fetch:
    name = "fetch"
    description = "Reads a public web page or text file (http or https) and gives its text. It cannot sign in, run scripts or reach private networks."
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "The whole address."},
            "start": {"type": "integer", "minimum": 0, "description": "Go on from this character of the text, for long pages."},
        },
        "required": ["url"],
        "additionalProperties": False,
    }

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        url, start = arguments["url"], arguments.get("start", 0)
        try:
            async with self._outbound.guarded("GET", url, headers={"Accept": "text/html, text/plain, application/json;q=0.9, */*;q=0.1"}) as reply:
                if reply.status >= 400:
                    raise ToolError(f"the server answered {reply.status}")
                media_type, charset = _type_of(reply.headers.get("Content-Type", ""))
                if not media_type.startswith(_TEXTS):
                    raise ToolError(f"this is no text but {media_type or 'of no type'}")
                body = await reply.read_all(MOST_BYTES)
        except ParlorError as error:
            raise ToolError(error.detail) from None
        return {"url": url, **_read(_decoded(body, charset), is_page="html" in media_type, start=start)}


def _type_of(header: str) -> tuple[str, str]:
    message = Message()
    message["Content-Type"] = header
    return message.get_content_type() if header else "", message.get_content_charset() or "utf-8"


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def _read(text: str, *, is_page: bool, start: int) -> dict[str, Any]:
    title, text = text_of_page(text) if is_page else ("", text)
    shown = text[start : start + MOST_CHARS]
    more = {"next_start": start + MOST_CHARS} if len(text) > start + MOST_CHARS else {}
    return {**({"title": title} if title else {}), "text": shown, **more}
