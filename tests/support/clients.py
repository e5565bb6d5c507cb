"""HTTP clients of tests, which speak plain HTTP to this machine."""

import ssl
from typing import Any

import httpx2

_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Without one given, every client reads the authorities of the whole web anew: 45 ms, and a test makes several."""


def http_client(**more: Any) -> httpx2.AsyncClient:
    """Knows no authority, so it reaches nothing by HTTPS. Takes what httpx2.AsyncClient does, and reads no proxy from the environment."""
    return httpx2.AsyncClient(**{"trust_env": False, "verify": _NO_AUTHORITIES, **more})
