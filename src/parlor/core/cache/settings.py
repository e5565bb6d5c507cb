"""How much is kept of what could be derived again."""

from pydantic import BaseModel, ConfigDict, Field


class CacheSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(
        default=64 * 1024 * 1024, ge=0, le=2**40, description="What one process keeps at most, where there is no Redis. The eldest unused goes first."
    )
    max_entries_per_owner: int = Field(default=10_000, ge=0, le=10_000_000, description="What is kept of one account at most, also in Redis. 0 keeps nothing.")
