"""Settings of chat."""

from pydantic import BaseModel, ConfigDict, Field

from parlor.chat.transfer.settings import ImportSettings


class ChatSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    history_pairs: int = Field(default=50, ge=0, le=1000, description="Question and answer pairs of a session that the model is shown.")
    message_most_chars: int = Field(default=100_000, ge=1, description="A longer message is refused with 413.")
    session_ttl_seconds: float = Field(default=86_400, gt=0, description="A session without activity for this long becomes inactive; using it wakes it.")
    default_max_output_tokens: int = Field(default=4096, ge=1, description="The longest answer unless a message says otherwise; credit is held for it.")
    imports: ImportSettings = ImportSettings()
