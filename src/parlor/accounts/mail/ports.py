"""What leaves by mail, and the way out."""

from typing import Protocol
from uuid import UUID

import msgspec

from parlor.core.resilience import CircuitBreaker


class Mail(msgspec.Struct, frozen=True):
    """One mail to one person. `id` stays the same when it is sent again, so that the other side can tell (it is in the Message-ID).

    `account_id` is whose it is: a copy that is kept goes with the account.
    """

    id: UUID
    recipient: str
    subject: str
    text: str
    html: str
    account_id: UUID | None = None


class Mailer(Protocol):
    @property
    def breaker(self) -> CircuitBreaker | None:
        """What stands before the way out; None where nothing can be down."""
        ...

    async def send(self, mail: Mail) -> None:
        """Returns once somebody else has taken it. Raises `core.outbound.Rejected` when nobody ever will, any other error when it is worth another try."""
        ...

    async def forget(self, account_id: UUID) -> int:
        """Remove every copy of this account's mails that is kept on this side; how many there were."""
        ...

    async def probe(self) -> None:
        """Raises what a `send` would raise now, and sends nothing."""
        ...
