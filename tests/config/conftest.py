"""A few modules with settings of every shape, and a loader that reads nothing but what the test gives it."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from parlor.config import Settings, load_settings
from parlor.core.settings import RootSettings
from parlor.module import Module


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WalletSettings(Frozen):
    initial_bonus_micros: int = Field(default=5_000_000, ge=0, description="What a new account gets.")


class ServerSettings(Frozen):
    port: int = Field(default=8000, ge=0, le=65535, description="Where it listens.")
    allowed_hosts: tuple[str, ...] = ()
    reload: bool = False


class AuthSettings(Frozen):
    secret_key: SecretStr | None = None
    access_token_seconds: int = 900

    def refusals(self, root: RootSettings) -> Iterable[str]:
        if root.environment == "production" and self.secret_key is None:
            yield "PARLOR_AUTH__SECRET_KEY is missing: production does not start without one."

    def warnings(self, root: RootSettings) -> Iterable[str]:
        if self.access_token_seconds > 86_400:
            yield "PARLOR_AUTH__ACCESS_TOKEN_SECONDS is more than a day."


class ProviderSettings(Frozen):
    kind: Literal["openai", "anthropic", "gemini", "ollama"]
    base_url: str | None = None
    api_key: SecretStr | None = None


class PriceSettings(Frozen):
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class ModelSettings(Frozen):
    fallbacks: tuple[str, ...] = ()
    price: PriceSettings | None = None


class LlmSettings(Frozen):
    default_model: str | None = None
    providers: dict[str, ProviderSettings] = Field(default_factory=dict, description="By the name you choose.")
    models: dict[str, ModelSettings] = {}
    aliases: dict[str, str] = {}
    mcp_config: Path | None = None


class DatabaseSettings(Frozen):
    url: str | None = None
    pool_size: int = 10


class LogSettings(Frozen):
    level: Literal["debug", "info", "warning", "error"] = "info"


MODULES = [
    Module("wallet", settings=WalletSettings),
    Module("server", settings=ServerSettings),
    Module("accounts", settings=AuthSettings, settings_key="auth"),
    Module("llm", settings=LlmSettings),
    Module("database", settings=DatabaseSettings),
    Module("log", settings=LogSettings),
]

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(environ: Mapping[str, str] | None = None, *, toml: str | None = None, env: str | None = None, **options: Any) -> Settings:
        if toml is not None:
            (tmp_path / "parlor.toml").write_text(toml)
        if env is not None:
            (tmp_path / ".env").write_text(env)
        return load_settings(options.pop("modules", MODULES), environ or {}, tmp_path, **options)

    return load


@pytest.fixture
def refusal(load: Load) -> Callable[..., str]:
    """What is said when these settings are refused."""
    from parlor.core.errors import Misconfigured

    def refusal(*arguments: Any, **options: Any) -> str:
        with pytest.raises(Misconfigured) as caught:
            load(*arguments, **options)
        return caught.value.detail

    return refusal
