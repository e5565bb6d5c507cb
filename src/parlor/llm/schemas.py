"""Reply bodies of this room."""

from pydantic import BaseModel, Field


class PriceRead(BaseModel):
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class ModelRead(BaseModel):
    name: str = Field(description="What a request names: provider/model.")
    provider: str
    is_default: bool
    aliases: list[str]
    context_tokens: int
    max_output_tokens: int
    price: PriceRead


class ModelPage(BaseModel):
    items: list[ModelRead]
    next_cursor: str | None = None
