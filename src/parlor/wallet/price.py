"""What tokens cost."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

TOKENS_OF_A_PRICE = 1_000_000
MOST_MICROS = 10**15
"""A billion credits. No single amount may be more, so that sums stay far inside 64 bits."""


class Price(BaseModel):
    """Micro-credits per million tokens, whole and never below zero: a negative price would pay whoever uses the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_micros_per_mtok: int = Field(ge=0, le=MOST_MICROS, description="Micro-credits per million input tokens.")
    output_micros_per_mtok: int = Field(ge=0, le=MOST_MICROS, description="Micro-credits per million output tokens.")

    def __init__(self, input_micros_per_mtok: int, output_micros_per_mtok: int, **unknown: Any) -> None:
        super().__init__(input_micros_per_mtok=input_micros_per_mtok, output_micros_per_mtok=output_micros_per_mtok, **unknown)

    @property
    def version_id(self) -> UUID | None:
        """Which version of the price book this is; None for one of the settings."""
        return None

    def cost_micros(self, input_tokens: int, output_tokens: int) -> int:
        """Rounded up to whole micro-credits, once, for input and output together. Counts below zero are zero: no usage ever gives credit."""
        millionths = max(input_tokens, 0) * self.input_micros_per_mtok + max(output_tokens, 0) * self.output_micros_per_mtok
        return -(-millionths // TOKENS_OF_A_PRICE)

    def explain(self, input_tokens: int, output_tokens: int) -> str:
        """A charge in plain words: both token counts and both prices."""
        return (
            f"{input_tokens} input tokens at {self.input_micros_per_mtok} micro-credits per million, "
            f"{output_tokens} output tokens at {self.output_micros_per_mtok} micro-credits per million"
        )


class SetPrice(Price):
    """What an administrator has set: one version of a model's price, which never changes."""

    version: UUID
    valid_from: datetime

    def __init__(self, input_micros_per_mtok: int, output_micros_per_mtok: int, version: UUID, valid_from: datetime) -> None:
        super().__init__(input_micros_per_mtok, output_micros_per_mtok, version=version, valid_from=valid_from)

    @property
    def version_id(self) -> UUID | None:
        return self.version

    def explain(self, input_tokens: int, output_tokens: int) -> str:
        return f"{super().explain(input_tokens, output_tokens)} (prices since {self.valid_from:%Y-%m-%d %H:%M:%S} UTC)"
