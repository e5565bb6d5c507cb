"""Names of tools as every model's provider takes them."""

import hashlib
import re
from collections.abc import Container

MOST = 64
_ODD = re.compile(r"[^a-zA-Z0-9_-]")
_HASH = 8


def name_of(server: str, tool: str, taken: Container[str]) -> str:
    """`server_tool`, of 64 letters, digits, - and _ at most. One that had to be cut, or is taken, ends with a hash of the two whole names.

    The same names always give the same result; whose turn is first keeps the plain one.
    """
    plain = _ODD.sub("_", f"{server}_{tool}")
    if len(plain) <= MOST and plain not in taken:
        return plain
    number, name = 0, _hashed(plain, server, tool, 0)
    while name in taken:
        number += 1
        name = _hashed(plain, server, tool, number)
    return name


def _hashed(plain: str, server: str, tool: str, number: int) -> str:
    digest = hashlib.sha256(f"{server}\0{tool}\0{number}".encode(errors="surrogatepass")).hexdigest()[:_HASH]
    return f"{plain[: MOST - _HASH - 1]}_{digest}"
