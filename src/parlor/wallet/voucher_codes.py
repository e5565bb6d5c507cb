"""What a voucher's code looks like, and what of it is stored."""

import hashlib

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O and U, so that no two characters look alike and no words come out."""

_LOOK_ALIKES = str.maketrans("ILO", "110", "-_ ")
_GROUP = 4
LENGTH = 16
SHORTEST, LONGEST = 4, 64


def make_code(random: bytes) -> str:
    """The first 80 bits of `random` as four groups of four characters: `7QJ2-M4XK-0RTB-9WDC`."""
    number = int.from_bytes(random[:10])
    text = "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH)))
    return "-".join(text[at : at + _GROUP] for at in range(0, LENGTH, _GROUP))


def normalise(code: str) -> str:
    """Small letters are capitals, dashes, spaces and underscores are nothing, and what looks alike is one: I and L are 1, O is 0."""
    return code.upper().translate(_LOOK_ALIKES)


def is_suitable(code: str) -> bool:
    """Whether somebody may choose it: 4 to 64 letters of ASCII and digits, beside what is ignored."""
    plain = normalise(code)
    return SHORTEST <= len(plain) <= LONGEST and plain.isascii() and plain.isalnum()


def hash_of_code(code: str) -> bytes:
    return hashlib.sha256(normalise(code).encode(errors="surrogatepass")).digest()


def end_of(code: str) -> str:
    """The last characters, to tell vouchers apart: a quarter of the code at most, so that they help nobody to guess the rest."""
    plain = normalise(code)
    return plain[-min(4, len(plain) // 4) :]
