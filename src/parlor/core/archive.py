"""A zip file that is written while it is sent: nothing but the piece at hand is in memory, and nothing is on the disk."""

import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO, cast

import msgspec

MAX_CHUNK_BYTES = 64 * 1024
"""Compressed at once, on the loop: a millisecond or two."""


class Member(msgspec.Struct, frozen=True):
    """A file of the archive. `is_large` for what may have more than 4 GiB: some programs cannot read such members."""

    path: str
    content: AsyncIterator[bytes]
    is_large: bool = False


class _Outbox:
    """What `zipfile` writes to: it cannot be read or sought, only emptied."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, piece: bytes) -> int:
        self._written += piece
        return len(piece)

    def flush(self) -> None: ...

    def take(self) -> bytes:
        written, self._written = bytes(self._written), bytearray()
        return written


async def archive(members: AsyncIterator[Member], now: datetime) -> AsyncIterator[bytes]:
    """The bytes of a zip file with these members. Whoever stops reading closes what the members read from."""
    out = _Outbox()
    with zipfile.ZipFile(cast("IO[bytes]", out), "w", zipfile.ZIP_DEFLATED) as file:  # it asks for no more than write and flush
        async for member in members:
            entry = zipfile.ZipInfo(safe_path(member.path), now.timetuple()[:6])
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            with file.open(entry, "w", force_zip64=member.is_large) as opened:
                async for piece in member.content:
                    for start in range(0, len(piece), MAX_CHUNK_BYTES):
                        opened.write(piece[start : start + MAX_CHUNK_BYTES])
                        if compressed := out.take():
                            yield compressed
            yield out.take()
    yield out.take()


def safe_path(path: str) -> str:
    """Never outside the folder that it is unpacked into, whoever named the file."""
    parts = [part for part in PurePosixPath(path.replace("\\", "/").replace("\x00", "")).parts if part not in ("/", "..", ".")]
    return "/".join(parts) or "unnamed"
