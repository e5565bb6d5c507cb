"""Reading a user-supplied URL so strictly that no two readers can disagree about where it goes."""

import re
from urllib.parse import urljoin, urlsplit

import msgspec

from parlor.core.outbound.addresses import parse_address
from parlor.core.outbound.errors import Refused

MAX_URL_LENGTH = 8_192

_URL = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?#].*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ufeff\ud800-\udfff]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Target(msgspec.Struct, frozen=True):
    """Where a URL goes. `host` is lower case, an IPv6 address without its brackets; `url` has no fragment."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


def parse_url(text: str) -> Target:
    """Raises Refused unless `text` is an absolute http(s) URL without user name, odd characters or an ambiguous host."""
    if len(text) > MAX_URL_LENGTH:
        raise Refused(f"The URL is longer than {MAX_URL_LENGTH} characters.")
    if _FORBIDDEN.search(text):
        raise Refused("The URL contains spaces, control characters or backslashes.")
    found = _URL.fullmatch(text)
    if found is None:
        raise Refused("Only absolute http and https URLs with a plain host name (no user name) can be called; write international names in their xn-- form.")
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = int(found["port"]) if found["port"] else _DEFAULT_PORTS[scheme]
    if not 0 < port < 65_536:
        raise Refused("The URL's port is not a port.")
    _check_host(host)
    url = text.partition("#")[0]
    if urlsplit(url).hostname != host.strip("[]"):
        raise Refused("The URL can be read in more than one way.")
    return Target(url, scheme, host.strip("[]"), port)


def follow(origin: Target, location: str) -> Target:
    """Where a redirect leads. Raises Refused like `parse_url`, and when the way leads from https to http."""
    target = parse_url(urljoin(origin.url, location))
    if origin.scheme == "https" and target.scheme != "https":
        raise Refused("A redirect leads from https to http.")
    return target


def _check_host(host: str) -> None:
    """A name, or an address in its canonical form: the system's resolver would also take `127.1` or `0x7f000001` for an address."""
    if host.startswith("["):
        is_good = parse_address(host[1:-1]) is not None
    else:
        labels = host.split(".")
        is_numeric = _NUMBER.fullmatch(labels[-1]) is not None
        is_good = parse_address(host) is not None if is_numeric else len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    if not is_good:
        raise Refused("The URL's host is neither a host name nor an address in its usual form.")
