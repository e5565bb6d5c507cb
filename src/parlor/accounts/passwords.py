"""Passwords: which are accepted, and how they are hashed beside the event loop."""

import unicodedata
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from parlor.accounts.errors import HashingBusy, UnsuitablePassword
from parlor.accounts.settings import AuthSettings
from parlor.accounts.text import at
from parlor.core.threads import Threads

T = TypeVar("T")

MAX_PASSWORD = 128
"""Characters. Nobody types more, and hashing megabytes is a way to keep a server busy."""


class Passwords:
    """argon2id in a bounded pool. Its C code lets go of the interpreter lock, so the loop runs on while it works."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._hasher = PasswordHasher(settings.argon2_time_cost, settings.argon2_memory_kib, settings.argon2_parallelism)
        self._threads = Threads(settings.hashing_threads, name="parlor-hashing", refusal="The server is closing.")
        self._waiting = 0

    def close(self) -> None:
        self._threads.close(drops_waiting=True)

    def refuse_unsuitable(self, password: str, *names: str | None, field: str = "password") -> None:
        """Raises `UnsuitablePassword` for one that is too short or long, known to everybody, or the person's own name or address."""
        least = self._settings.password_min_length
        if len(password) < least:
            raise _unsuitable(f"A password has at least {least} characters.", field, "too_short")
        if len(password) > MAX_PASSWORD:
            raise _unsuitable(f"A password has at most {MAX_PASSWORD} characters.", field, "too_long")
        if "\x00" in password or any(unicodedata.category(character) == "Cs" for character in password):
            raise _unsuitable("A password holds no NUL and no broken characters.", field, "characters")
        if not password.strip():
            raise _unsuitable("A password is more than spaces.", field, "blank")
        lowered = password.casefold()
        if lowered in _common_passwords():
            raise _unsuitable("This is one of the passwords that everybody tries first.", field, "common")
        if lowered in {part for name in names if name for part in (name, name.partition("@")[0])}:
            raise _unsuitable("A password is not the name or address of its account.", field, "own_name")

    async def hash(self, password: str) -> str:
        """Raises `HashingBusy`. Ask `refuse_unsuitable` first."""
        return await self._beside_the_loop(lambda: self._hasher.hash(_normalised(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether this is the password. Without a stored hash the work is the same and the answer no. Raises `HashingBusy`."""
        return await self._beside_the_loop(lambda: self._is_right(stored, password))

    def needs_rehash(self, stored: str) -> bool:
        """Whether the settings have changed since it was made."""
        decoy = self._decoy
        if len(stored) == len(decoy) and _parameters(stored) == _parameters(decoy):
            return False  # at once for nearly all: the library takes either text apart
        return self._hasher.check_needs_rehash(stored)

    @cached_property
    def _decoy(self) -> str:
        """Made at the first verification of any kind, so that no later one is slower for an unknown account."""
        return self._hasher.hash("nobody has this password")

    def _is_right(self, stored: str | None, password: str) -> bool:
        decoy = self._decoy
        if len(password) > MAX_PASSWORD:
            return False
        try:
            return self._hasher.verify(stored or decoy, _normalised(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    async def _beside_the_loop(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._settings.hashing_queue:
            raise HashingBusy(retry_after_seconds=1)
        self._waiting += 1
        try:
            return await self._threads.run(work)
        finally:
            self._waiting -= 1


def _parameters(stored: str) -> str:
    """All but salt and hash: `$argon2id$v=19$m=19456,t=2,p=1`."""
    return stored.rsplit("$", 2)[0]


def _normalised(password: str) -> bytes:
    """NFKC, as NIST SP 800-63B (3.1.1.2) advises: the same keys on another keyboard may send other code points."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def _unsuitable(message: str, field: str, kind: str) -> UnsuitablePassword:
    return UnsuitablePassword(message, **at(field, message, f"password_{kind}"))


@cache
def _common_passwords() -> frozenset[str]:
    text = (Path(__file__).parent / "common_passwords.txt").read_text()
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))
