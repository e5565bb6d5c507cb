"""Request and reply bodies about budgets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field

from parlor.core.web.schemas import Body, Reply
from parlor.wallet.budget_book import BudgetState, Limits
from parlor.wallet.budgets import PERIODS, Period
from parlor.wallet.price import MOST_MICROS

LimitMicros = Annotated[int, Field(strict=True, ge=0, le=MOST_MICROS)]


class BudgetsUpdate(Body):
    """What is left out stays; null takes the budget away."""

    day_micros: LimitMicros | None = None
    month_micros: LimitMicros | None = None
    total_micros: LimitMicros | None = None

    def limits(self) -> Limits:
        return {period: getattr(self, f"{period}_micros") for period in PERIODS if f"{period}_micros" in self.model_fields_set}


class BudgetRead(Reply):
    limit_micros: int
    used_micros: int = Field(description="Charged in this period, or held now by what began in it.")
    starts_anew_at: datetime | None = Field(description="Null for the budget of the whole time.")


class BudgetsRead(Reply):
    """Null where there is no budget."""

    day: BudgetRead | None
    month: BudgetRead | None
    total: BudgetRead | None

    @classmethod
    def of(cls, states: Mapping[Period, BudgetState]) -> "BudgetsRead":
        return cls(**{period: BudgetRead.model_validate(states[period], from_attributes=True) if period in states else None for period in PERIODS})
