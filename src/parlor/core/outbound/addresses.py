"""Which addresses are the public internet. Everything that is not known to be is refused.

`ipaddress` alone is not enough: Python 3.11 calls `64:ff9b::7f00:1`, `2002:7f00:1::`, `fec0::1` and `192.0.0.8` global, and
`100.64.0.1` not private. The lists are IANA's special-purpose registries, and the one metadata service that has a public address.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's metadata and agent endpoint
    )
)  # fmt: skip

_GLOBAL_V6 = IPv6Network("2000::/3")
"""All that IANA has given out. Mapped (::ffff:0:0/96), NAT64, unique local, link local, site local and multicast lie outside."""

_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address, any
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that `text` spells in the one canonical way, else None: `127.1`, `0x7f.1` and `2130706433` are None."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address.scope_id is None and address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)
