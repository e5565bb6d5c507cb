"""Which providers and models there are, and how long they may take."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from parlor.accounts import GROUP_PATTERN
from parlor.core.outbound import Timeouts
from parlor.llm.capabilities import Capability
from parlor.llm.embeddings.settings import EmbeddingSettings
from parlor.llm.endpoints import PUBLIC_BASE_URLS, Kind, base_url_of, is_sent_in_the_clear
from parlor.llm.stateless.settings import StatelessSettings
from parlor.wallet import Price

Group = Annotated[str, Field(pattern=f"^{GROUP_PATTERN}$")]
_TAKEN_NAMES = ("parlor", "agent")
_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.IGNORECASE)

_BUILT_IN = "parlor/offline"


class ModelSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    price: Price | None = Field(default=None, description="What it costs; wallet.default_price when it is not said.")
    context_tokens: int | None = Field(default=None, ge=256, description="How much the model reads at most: question, history and answer. Ollama is told it.")
    max_output_tokens: int | None = Field(default=None, ge=1, description="How long one answer may be at most. A turn holds the price of this much.")
    capabilities: tuple[Capability, ...] | None = Field(
        default=None, description="All that it can do: images, tools, reasoning, structured_output, embeddings; unset is what the provider tells of it."
    )
    dimensions: int | None = Field(default=None, ge=1, le=65_536, description="Of an embedding model that can shorten its vectors: the length to ask for.")
    embeddings_at_once: int | None = Field(
        default=None,
        ge=1,
        le=2_048,
        description="Texts in one request for embeddings; unset is 256 at api.openai.com, 32 at others of its kind.",
    )
    groups: tuple[Group, ...] | None = Field(
        default=None, description="Only accounts in one of these groups, and administrators, see and use it; unset is as its provider says, empty is everybody."
    )
    fallbacks: tuple[str, ...] = Field(default=(), description="Full names of models that answer in its place, in order, when it fails before its first word.")
    cache_seconds: float | None = Field(default=None, gt=0, description="Keep whole answers to stateless calls this long; the same call is free then.")


class ProviderSettings(BaseModel):
    """Each kind is spoken to in its own protocol. What has an OpenAI-compatible endpoint can be reached through that as well, as kind openai."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = Field(default="openai", description="The protocol. openai is that of vLLM, OpenRouter, LM Studio and many more.")
    base_url: str = Field(default="", description="With or without its version path; empty is the kind's public address.")
    api_key: SecretStr | None = Field(default=None, description="Sent to base_url and nowhere else.")
    groups: tuple[Group, ...] = Field(
        default=(), description="Only accounts in one of these groups, and administrators, see and use its models; empty is everybody."
    )
    ask_usage: bool = Field(default=True, description="Kind openai: ask for token counts with stream_options; false for servers that refuse the field.")
    max_tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = Field(
        default="auto",
        description="Kind openai: how the answer's limit is called; auto is max_completion_tokens at api.openai.com and max_tokens elsewhere.",
    )

    concurrency: int = Field(default=1_024, ge=1, description="Calls at once, over all its models. Further ones wait, at most llm.timeouts.queue_seconds.")

    @field_validator("api_key")
    @classmethod
    def _is_one_line(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value().strip() if value else ""
        if not re.fullmatch(r"[\x21-\x7e]*", key):
            raise ValueError("a key is one line of printable ASCII: look for a stray character")
        return SecretStr(key) if key else None

    @model_validator(mode="after")
    def _has_an_address(self) -> "ProviderSettings":
        base_url_of(self.kind, self.base_url)
        if not self.base_url and self.kind != "ollama" and self.api_key is None:
            raise ValueError(f"set api_key, or base_url for a server without keys (the default is {PUBLIC_BASE_URLS[self.kind]}, which needs one)")
        return self


class TimeoutSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_seconds: float = Field(default=10, gt=0, description="Until the provider has accepted the connection.")
    first_byte_seconds: float = Field(default=60, gt=0, description="Until its answer begins.")
    idle_seconds: float = Field(default=60, gt=0, description="The longest silence within an answer.")
    total_seconds: float = Field(default=600, gt=0, description="A whole answer.")
    queue_seconds: float = Field(default=10, gt=0, description="Until one of the provider's places is free; see llm.providers.NAME.concurrency.")

    def as_timeouts(self) -> Timeouts:
        return Timeouts(self.connect_seconds, self.first_byte_seconds, self.idle_seconds, self.total_seconds)


class BreakerSettings(BaseModel):
    """Of each model: an outage of its provider, and nothing else, counts. A wrong key, a rate limit or a refused request opens no circuit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    failures: int = Field(default=5, ge=1, description="So many in a row, and nobody waits for the model any more.")
    open_seconds: float = Field(default=60, gt=0, description="For so long; then one call at a time finds out whether it is back.")


class OfflineSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens_per_second: float | None = Field(
        default=None, gt=0, le=100_000, description="The pace of parlor/offline, for demonstrations; unset is as fast as possible."
    )


class LlmSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    default_model: str | None = Field(default=None, description="The model of whoever names none; unset is the first provider's, or parlor/offline.")
    default_provider: str | None = Field(default=None, description="The provider whose model is the default, where default_model is unset.")
    aliases: Mapping[str, str] = Field(default_factory=dict, description="Other names for models: fast = main/gpt-x-mini.")
    providers: Mapping[str, ProviderSettings] = Field(default_factory=dict, description="Where models come from, by a name of your choice.")
    models: Mapping[str, ModelSettings] = Field(
        default_factory=dict, description="What is known of a model, by provider/model. Discovered models need no entry."
    )
    timeouts: TimeoutSettings = Field(default_factory=TimeoutSettings)
    breaker: BreakerSettings = Field(default_factory=BreakerSettings)
    offline: OfflineSettings = Field(default_factory=OfflineSettings)
    embeddings: EmbeddingSettings = Field(default_factory=EmbeddingSettings)
    stateless: StatelessSettings = Field(default_factory=StatelessSettings)
    default_context_tokens: int = Field(default=32_768, ge=256, description="For models that say nothing about it.")
    default_max_output_tokens: int = Field(default=4_096, ge=1, description="For models that say nothing about it.")
    discovery_seconds: float = Field(default=3, gt=0, description="How long a provider may take to list its models.")

    @field_validator("providers", mode="before")
    @classmethod
    def _infer_kinds(cls, value: Any) -> Any:
        """A provider that is called like a kind is of that kind."""
        if not isinstance(value, Mapping):
            return value
        given = cast("Mapping[str, Any]", value)
        return {name: _with_kind(name, each) if name in PUBLIC_BASE_URLS else each for name, each in given.items()}

    @model_validator(mode="after")
    def _names_fit(self) -> "LlmSettings":
        if odd := next((name for name in self.providers if name in _TAKEN_NAMES or not _PROVIDER_NAME.fullmatch(name)), None):
            raise ValueError(
                f"a provider cannot be called {odd!r}: take letters, digits, dots, - and _ (parlor is the built-in one, and agent/ stands before agents)"
            )
        if bare := next((name for name in self.models if "/" not in name), None):
            raise ValueError(f"llm.models.{bare} needs its provider's name in front: main/{bare}")
        for name, model in self.models.items():
            self._check_fallbacks(name, model.fallbacks)
        if self.default_provider is not None and self.default_provider not in (*self.providers, "parlor"):
            raise ValueError(f"default_provider is {self.default_provider!r}, and no provider is called that")
        return self

    def _check_fallbacks(self, name: str, fallbacks: Sequence[str]) -> None:
        where = f"llm.models.{name!r} has the fallback"
        for number, each in enumerate(fallbacks):
            provider, _, rest = each.partition("/")
            if each != _BUILT_IN and not (rest and provider in self.providers):
                raise ValueError(f"{where} {each!r}: it takes {_BUILT_IN} and full names, with one of the providers {', '.join(self.providers)} in front")
            if each == name or each in fallbacks[:number]:
                raise ValueError(f"{where} {each!r} {'which is the model itself' if each == name else 'twice'}")

    def warnings(self, _root: Any) -> Sequence[str]:
        """What may start and is probably not meant."""
        lost = [f"llm.models.{name!r} belongs to no provider that is configured." for name in self.models if name.partition("/")[0] not in self.providers]
        bare = [
            f"The key of llm.providers.{name} travels unencrypted: its base_url is http and not on this machine."
            for name, provider in self.providers.items()
            if provider.api_key and is_sent_in_the_clear(base_url_of(provider.kind, provider.base_url))
        ]
        return [*lost, *bare]


def _with_kind(name: str, provider: Any) -> Any:
    return {"kind": name, **cast("Mapping[str, Any]", provider)} if isinstance(provider, Mapping) else provider
