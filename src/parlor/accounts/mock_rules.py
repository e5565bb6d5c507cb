"""Where mock mode may be on."""

from collections.abc import Iterable
from ipaddress import ip_address

WARNING = "Mock mode is on: whoever reaches this server is anybody they name, without a password. Take PARLOR_AUTH__MODE out to end it."


def is_loopback(host: str) -> bool:
    """Of an address or a host name without its port."""
    host = host.strip("[]")
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def mock_refusals(environment: str, addresses: Iterable[str]) -> Iterable[str]:
    """Why mock mode may not start here."""
    if environment != "development":
        yield f"PARLOR_AUTH__MODE is mock, which lets everybody be anybody, and {environment} does not start so: take it out."
    for address in addresses:
        if not is_loopback(address):
            yield f"PARLOR_AUTH__MODE is mock, which lets everybody be anybody, and {address} is not this machine alone: listen on 127.0.0.1, or take it out."
