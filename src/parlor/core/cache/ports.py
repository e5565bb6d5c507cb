"""What a cache is to those who use it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

MOST_VALUE_BYTES = 256 * 1024
"""A larger value is not kept."""

MOST_SECONDS = 7 * 24 * 3600
"""Nothing is kept longer, whatever is asked for."""

FORGOTTEN_SECONDS = 3600.0
"""How long nothing new is kept for an owner who was forgotten: what was under way when an account was erased must not bring it back."""


class Cache(Protocol):
    """Bytes by owner (the id of an account) and key. Both are hashed, so a key may be a whole text and nobody can read it anywhere.

    A cache is never in the way: when Redis does not answer everything is a miss, after a quarter of a second at most and then at once.
    """

    async def get_many(self, owner: str, keys: Sequence[str]) -> list[bytes | None]:
        """What there is, in the order of `keys`. Never raises."""
        ...

    async def set_many(self, owner: str, values: Mapping[str, bytes], *, ttl_seconds: float) -> None:
        """Keep these, each for at most so long, and less when there is no room. Never raises."""
        ...

    async def forget(self, owner: str) -> int:
        """Drop everything of this owner, and keep nothing new for an hour. How many values that were.

        Raises `RedisUnavailable` when they lie where nobody gets at them now.
        """
        ...


def digest_of(owner: str) -> bytes:
    return hashlib.sha256(owner.encode(errors="surrogatepass")).digest()
