"""Settings of chat."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from parlor.chat.transfer.settings import ImportSettings


class ChatSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    history_pairs: int = Field(default=50, ge=0, le=1000, description="Question and answer pairs of a session that the model is shown.")
    history_tokens: int | None = Field(
        default=None, ge=1, description="Tokens of it that the model is shown at most; without it, as many as the model can read."
    )
    compaction: bool = Field(default=True, description="What no longer fits is summarised by a model, which the turn pays for; false: it is left out.")
    compaction_keep_pairs: int | None = Field(
        default=None, ge=0, description="Newest pairs that stay as they are when the rest is summarised, fewer than history_pairs; without it, half of those."
    )
    summary_model: str | None = Field(default=None, description="The model that summarises; without it, the one that answers.")
    summary_most_tokens: int = Field(default=800, ge=50, le=32_000, description="The longest summary.")
    message_most_chars: int = Field(default=100_000, ge=1, description="A longer message is refused with 413.")
    session_ttl_seconds: float = Field(default=86_400, gt=0, description="A session without activity for this long becomes inactive; using it wakes it.")
    default_max_output_tokens: int = Field(default=4096, ge=1, description="The longest answer unless a message says otherwise; credit is held for it.")
    title_model: str = Field(
        default="fast",
        max_length=300,
        description="The model or alias that writes titles and suggestions, once a session, paid for by the platform. `fast` is asked only where that "
        "alias is made; empty asks nothing.",
    )
    sharing: bool = Field(default=True, description="Whether people may make links that show a session to whoever has them.")
    imports: ImportSettings = ImportSettings()

    @model_validator(mode="after")
    def _keeps_less_than_it_shows(self) -> Self:
        # so that a summary is always among the rows that the next turns read
        if self.compaction_keep_pairs is not None and self.compaction_keep_pairs >= max(1, self.history_pairs):
            raise ValueError(f"compaction_keep_pairs = {self.compaction_keep_pairs} must be less than history_pairs = {self.history_pairs}")
        return self

    @property
    def kept_pairs(self) -> int:
        return self.history_pairs // 2 if self.compaction_keep_pairs is None else self.compaction_keep_pairs

    @property
    def compacts(self) -> bool:
        """Whoever is shown no history needs no summary of it."""
        return self.compaction and self.history_pairs > 0
