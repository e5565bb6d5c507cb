"""Where Composio may send a browser back to: to us, and to the pages that may call us. Anything else would be an open redirect."""

import re
from urllib.parse import urlsplit

from parlor.core.outbound import Refused, parse_url
from parlor.core.web.settings import ServerSettings
from parlor.tools.composio.errors import UnsafeCallback

MAX_CALLBACK = 2048

_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""Printable ASCII without backslashes, which browsers take for slashes; two at the beginning would name another host."""


class Callbacks:
    def __init__(self, server: ServerSettings) -> None:
        self._base_url = server.base_url()
        # "*" lets every page read our answers; it does not make every page ours.
        self._origins = {_origin_of(each) for each in (self._base_url, *server.cors_origins) if each != "*"}

    def checked(self, url: str | None) -> str | None:
        """The whole address. A path means one of this server. Raises UnsafeCallback."""
        if url is None:
            return None
        if len(url) > MAX_CALLBACK:
            raise UnsafeCallback
        if _OWN_PATH.fullmatch(url):
            return self._base_url + url
        try:
            target = parse_url(url)
        except Refused as error:
            raise UnsafeCallback from error
        if target.origin not in self._origins:
            raise UnsafeCallback
        return url


def _origin_of(url: str) -> tuple[str, str, int]:
    """Of an address in the settings, which were looked at before. The port may be 0: one that is not known yet."""
    parts = urlsplit(url)
    port = parts.port if parts.port is not None else {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, parts.hostname or "", port
