"""Which names this server answers to. A browser sends the name that the page used, so a page that rebinds its own name to our address is found out here."""

import re
from collections.abc import Sequence

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ALL_ADDRESSES = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # compared with, not bound to
# reg-name or IPv4, or an IPv6 address in brackets; then perhaps a port. Nothing else is a Host (RFC 9110, section 7.2).
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})))(?::(?P<port>[0-9]{1,5}))?")


class Hosts:
    """`bound` is the address that the server listens on, `allowed` what the operator added; `*.example.com` covers subdomains and `*` everything."""

    def __init__(self, bound: str, allowed: Sequence[str]) -> None:
        names = {each.lower().rstrip(".").strip("[]") for each in allowed}
        self.is_open = "*" in names
        self._listed = frozenset(each for each in names if not each.startswith("*"))
        self._endings = tuple(each[1:] for each in names if each.startswith("*."))
        self._known = self._listed | _LOOPBACK | ({bound.lower().strip("[]")} - _ALL_ADDRESSES)

    def name_of(self, host: str) -> str | None:
        """The name in a Host header, lower case and without its port; None when it is none."""
        match = _HOST.fullmatch(host)
        return (match["six"] or match["name"]).lower().rstrip(".") if match else None

    def allows(self, name: str, local_address: str | None) -> bool:
        """`local_address` is the one that the connection arrived at: naming it needs no name, so nothing can have been rebound."""
        return self.is_open or name in self._known or name == local_address or (bool(self._endings) and name.endswith(self._endings))

    def lists(self, name: str) -> bool:
        """True when the operator named it."""
        return name in self._listed or (bool(self._endings) and name.endswith(self._endings))
