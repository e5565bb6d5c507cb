"""Settings of stateless calls."""

from pydantic import BaseModel, ConfigDict, Field


class StatelessSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    message_most_chars: int = Field(default=100_000, ge=1, description="A longer message, or text to analyse, is refused with 413.")
    default_max_output_tokens: int = Field(default=4_096, ge=1, description="The longest answer unless a call says otherwise; credit is held for it.")
    per_account_most: int = Field(default=1_000, ge=1, description="Stateless calls that one account may have at work at once.")
    cache_seconds: float = Field(default=300, gt=0, description="How long an answer is kept for a call that asks for that, where its model does not say.")
