"""The settings that belong to no room: where Parlor runs, where it keeps its files, which modules it has."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ModuleSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    dir: Path | None = Field(default=None, description="A folder with modules of your own: NAME.py or NAME/module.py, each with a value called module.")
    disabled: tuple[str, ...] = Field(default=(), description="Names of modules to leave out.")


class RootSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: Literal["development", "staging", "production"] = Field(
        default="development", description="development is lenient and talkative; production refuses to start insecurely and logs JSON."
    )
    data_dir: Path = Field(default=Path(".parlor"), description="Where the embedded database, generated secrets and files live.")
    modules: ModuleSettings = Field(default_factory=ModuleSettings)
