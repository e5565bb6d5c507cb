"""What a caller may ask of the model, checked before any credit is held for it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ModelParams(BaseModel):
    """Parameters of a message, or of an agent. Unset ones are the model's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    stop: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=8)] | None = None

    def over(self, lower: "ModelParams") -> "ModelParams":
        """These where they are set, else those of the agent."""
        mine = self.model_dump(exclude_none=True)
        return lower.model_copy(update=mine) if mine else lower
