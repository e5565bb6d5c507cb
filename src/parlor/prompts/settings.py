"""Settings of prompt customization."""

from pydantic import BaseModel, ConfigDict, Field


class PromptsSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    layer_most_chars: int = Field(default=8_000, ge=1, le=500_000, description="A longer layer over an agent's prompt is refused with 413.")
    layers_most: int = Field(default=20, ge=0, le=1_000, description="Layers of one user over one agent, inactive ones too.")
    account_layers_most: int = Field(default=200, ge=0, le=10_000, description="Layers of one user over all agents together.")
