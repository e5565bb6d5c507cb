"""Limits of what one import may bring."""

from pydantic import BaseModel, ConfigDict, Field


class ImportSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    file_most_bytes: int = Field(default=32 * 1024 * 1024, ge=1024, description="A larger file is refused with 413; server.max_upload_bytes holds as well.")
    sessions_most: int = Field(default=5_000, ge=1, description="Conversations of one file.")
    messages_most: int = Field(default=100_000, ge=1, description="Messages of one file.")
    session_messages_most: int = Field(default=10_000, ge=1, le=10_000, description="Messages of one conversation; one with more is left out.")
    at_once: int = Field(default=2, ge=1, description="Imports that a server works at; others wait.")
