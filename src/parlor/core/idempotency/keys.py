"""Keys and fingerprints of requests."""

import hashlib
from typing import Any

import msgspec

from parlor.core.idempotency.errors import BadIdempotencyKey

LONGEST = 255
_encode = msgspec.json.Encoder(order="deterministic").encode


def check_key(key: str) -> str:
    """The key itself, or BadIdempotencyKey (400)."""
    if not 1 <= len(key) <= LONGEST or not all("!" <= character <= "~" for character in key):
        raise BadIdempotencyKey
    return key


def hash_of(body: Any) -> bytes:
    """The fingerprint of a request: bytes as they are, anything else as JSON with sorted keys, so that spaces and order do not matter."""
    return hashlib.sha256(body if isinstance(body, bytes) else _encode(body)).digest()
