"""Bodies and replies of vouchers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from parlor.core.web.schemas import Body, Reply
from parlor.wallet.schemas import Amount
from parlor.wallet.vouchers import LONGEST_NOTE, MOST_USES, NewVoucher, VoucherOrder

Code = Annotated[
    str, Field(min_length=1, max_length=200, description="Capitals, dashes, spaces and underscores make no difference.", examples=["7QJ2-M4XK-0RTB-9WDC"])
]


class VoucherCreate(Body):
    amount_micros: Amount
    code: Code | None = Field(default=None, description="4 to 64 letters and digits. Without it a code of 80 random bits is made.")
    max_uses: int = Field(default=1, strict=True, ge=1, le=MOST_USES, description="How many accounts may use it, each once.")
    expires_at: AwareDatetime | None = None
    note: str | None = Field(default=None, max_length=LONGEST_NOTE, description="For administrators. Put nothing personal in it.")

    def order(self, made_by: UUID) -> VoucherOrder:
        return VoucherOrder(**self.model_dump(), made_by=made_by)


class VoucherUseCreate(Body):
    code: Code


class VoucherRead(Reply):
    id: UUID
    code_end: str = Field(description="The last characters of the code, to tell vouchers apart.")
    amount_micros: int
    max_uses: int
    use_count: int
    expires_at: datetime | None
    revoked_at: datetime | None
    note: str | None
    made_by: UUID | None = Field(description="The administrator; null at the command line.")
    created_at: datetime


class VoucherCreated(VoucherRead):
    code: str = Field(description="Shown this once.")

    @classmethod
    def of(cls, created: NewVoucher) -> "VoucherCreated":
        read = VoucherRead.model_validate(created.voucher)
        return cls(**read.model_dump(), code=created.code)
