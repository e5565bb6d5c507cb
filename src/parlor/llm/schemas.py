"""Request and reply bodies of this room."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import Field

from parlor.core.web.schemas import Body, Reply
from parlor.llm.capabilities import Capability
from parlor.llm.pricing import PriceSource
from parlor.wallet import MOST_MICROS

if TYPE_CHECKING:
    from parlor.llm.price_list import ListedPrice

MicrosPerMtok = Annotated[int, Field(strict=True, ge=0, le=MOST_MICROS, description="Micro-credits per million tokens.")]


class PriceRead(Reply):
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class PriceUpdate(Body):
    model: str = Field(min_length=1, max_length=300, description="Its name, or an alias.")
    input_micros_per_mtok: MicrosPerMtok
    output_micros_per_mtok: MicrosPerMtok


class ListedPriceRead(PriceRead):
    model: str
    source: PriceSource = Field(description="Set by an administrator, from the configuration file, or the default.")
    valid_from: datetime | None = Field(description="When it was set; null for a price of the settings.")
    set_by: UUID | None = Field(description="By whom, in a history; null also for the command line.")

    @classmethod
    def of(cls, listed: "ListedPrice") -> "ListedPriceRead":
        return cls(
            model=listed.model,
            input_micros_per_mtok=listed.price.input_micros_per_mtok,
            output_micros_per_mtok=listed.price.output_micros_per_mtok,
            source=listed.source,
            valid_from=listed.valid_from,
            set_by=listed.set_by,
        )


class ModelRead(Reply):
    name: str = Field(description="What a request names: provider/model.")
    provider: str
    is_default: bool
    aliases: list[str]
    fallbacks: list[str] = Field(description="Who answers in its place, in order, when it fails before its first word.")
    context_tokens: int
    max_output_tokens: int
    price: PriceRead
    capabilities: dict[Capability, bool] = Field(description="images, tools, reasoning, structured_output, embeddings. What is not named is not known.")
    groups: list[str] = Field(description="For whom it is kept: one's own of its groups, all of them for administrators. Empty: for everybody.")


class ModelPage(Reply):
    items: list[ModelRead]
    next_cursor: str | None = None
