"""What leaves by mail, and the way out."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Mail:
    """One mail to one person. `id` stays the same when it is sent again, so that the other side can tell (it is in the Message-ID)."""

    id: UUID
    recipient: str
    subject: str
    text: str
    html: str


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Returns once somebody else has taken it. Raises `core.outbound.Rejected` when nobody ever will, any other error when it is worth another try."""
        ...

    async def probe(self) -> None:
        """Raises what a `send` would raise now, and sends nothing."""
        ...
