"""Usage over HTTP: everybody's own, and for administrators that of an account or of all."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from dishka.integrations.fastapi import FromDishka
from fastapi import Depends, Query
from pydantic import Field

from parlor.accounts import AccountDirectory, AccountNotFound, AdminDep, AdministratorsOnly, WalletReadDep
from parlor.core.db import Database
from parlor.core.web import Router, documents
from parlor.core.web.schemas import Reply
from parlor.wallet.usage import InvalidPeriod, Stretch, Usage, UsageBy, UsageOfAllBy, UsageReport, stretch_of

router = Router(tags=["wallet"])


class UsageItemRead(Reply):
    key: str | None = Field(description="A date, a name or an id; null where there was no agent, session or API key.")
    turns: int = Field(description="Turns, and single calls of a model, that were settled.")
    input_tokens: int
    output_tokens: int
    amount_micros: int = Field(description="What was charged.")


class UsageRead(Reply):
    """Days in their order, all else by what it cost, the dearest first."""

    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    items: list[UsageItemRead]
    is_complete: bool = Field(description="False when there were more than 1 000 items: those that cost least are left out.")

    @classmethod
    def of(cls, usage: Usage) -> "UsageRead":
        items = [UsageItemRead.model_validate(item) for item in usage.items]
        return cls(since=usage.stretch.since, until=usage.stretch.until, items=items, is_complete=usage.is_complete)


_MOMENT = "A date, or a time with its zone. `from` belongs to what is asked for, `to` does not; usual are the last 30 days."


async def _stretch(
    since: Annotated[str | None, Query(alias="from", max_length=40, description=_MOMENT)] = None,
    until: Annotated[str | None, Query(alias="to", max_length=40, description=_MOMENT)] = None,
    tz: Annotated[str | None, Query(max_length=64, description="Where days begin at midnight, such as Europe/Berlin; UTC without it.")] = None,
) -> Stretch:
    return stretch_of(since, until, tz, datetime.now(UTC))


StretchDep = Annotated[Stretch, Depends(_stretch)]


@router.get("/wallet/usage", responses=documents(InvalidPeriod))
async def read_usage(caller: WalletReadDep, report: FromDishka[UsageReport], stretch: StretchDep, group_by: UsageBy = "day") -> UsageRead:
    """What the caller's turns have used and cost, by when they began."""
    return UsageRead.of(await report.read(caller.account_id, stretch, group_by))


@router.get("/users/{user_id}/usage", responses=documents(AdministratorsOnly, AccountNotFound, InvalidPeriod))
async def read_usage_of_user(
    user_id: UUID,
    _: AdminDep,
    report: FromDishka[UsageReport],
    db: FromDishka[Database],
    directory: FromDishka[AccountDirectory],
    stretch: StretchDep,
    group_by: UsageBy = "day",
) -> UsageRead:
    """The same of any account."""
    if await db.read(lambda tx: directory.find(tx, user_id)) is None:
        raise AccountNotFound
    return UsageRead.of(await report.read(user_id, stretch, group_by))


@router.get("/usage", responses=documents(AdministratorsOnly, InvalidPeriod))
async def read_usage_of_all(_: AdminDep, report: FromDishka[UsageReport], stretch: StretchDep, group_by: UsageOfAllBy = "day") -> UsageRead:
    """The same of all accounts together, also by user."""
    return UsageRead.of(await report.read(None, stretch, group_by))
