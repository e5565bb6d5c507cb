"""How embeddings are made and kept."""

from pydantic import BaseModel, ConfigDict, Field


class EmbeddingSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = Field(
        default=None,
        description="The embedding model of whoever names none; unset is parlor/offline-embed, whatever providers there are: vectors must stay comparable.",
    )
    cache: bool = Field(default=True, description="Remember vectors by account and hash of the text: the same text is not sent and not charged again.")
    cache_seconds: float = Field(default=7 * 24 * 3600, gt=0, le=7 * 24 * 3600, description="How long they are remembered at most.")
