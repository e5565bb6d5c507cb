"""The address that people reach this server at, in its one spelling."""

from ipaddress import ip_address
from urllib.parse import urlsplit

MAX_PUBLIC_URL = 2000
_EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104  # compared with, not bound to
_PATH_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/%")


def public_url(text: str) -> str:
    """An http or https origin, perhaps with the path that a proxy takes away again; no slash at the end. Raises `ValueError`."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > MAX_PUBLIC_URL:
        raise ValueError("it should be an address such as https://chat.example.com")
    if parts.username is not None or set(text) & set("?#@"):
        raise ValueError("it should be an address without a user, a query or a fragment")
    path = parts.path.rstrip("/")
    if not _PATH_LETTERS.issuperset(path) or "//" in path or {".", ".."} & set(path.split("/")):
        raise ValueError("its path should be plain, such as /parlor")
    return f"{parts.scheme}://{_host(parts.hostname)}{_port(parts.port, parts.scheme)}{path}"


def local_url(host: str, port: int) -> str:
    """Where a server that listens there is reached from its own machine."""
    return f"http://{_host('127.0.0.1' if host in _EVERY_ADDRESS else host)}:{port}"


def is_loopback_url(url: str) -> bool:
    """Whether it leads to the machine of whoever opens it."""
    name = host_of(url)
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


def _host(name: str) -> str:
    if ":" in name:
        return f"[{ip_address(name)}]"
    if not name.isascii() or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_") or not name.strip(".-_"):
        raise ValueError("its host should be a name in ASCII (xn--... for others) or an address")
    return name


def _port(port: int | None, scheme: str) -> str:
    return "" if port is None or port == {"http": 80, "https": 443}[scheme] else f":{port}"
