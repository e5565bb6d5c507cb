"""All models there are, by name."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from parlor.core.outbound import Outbound
from parlor.llm.access import EVERYBODY, OPERATOR, ModelAccess, ModelGroups
from parlor.llm.built_models import BuiltModels
from parlor.llm.capabilities import OF_THE_BUILT_IN_MODEL, Capabilities, listed
from parlor.llm.catalogue import Catalogue
from parlor.llm.discovery import Listing
from parlor.llm.embeddings.finder import Embedders
from parlor.llm.endpoints import Kind, endpoint_of
from parlor.llm.errors import NoModel, UnknownModel
from parlor.llm.model_info import ModelInfo, ProviderState, startup_line, state_of
from parlor.llm.model_names import ModelNames
from parlor.llm.offline import NAME as OFFLINE
from parlor.llm.pricing import Pricing
from parlor.llm.routing.guards import Guards
from parlor.llm.settings import LlmSettings

if TYPE_CHECKING:
    from parlor.llm.ports import Embedder, Model

_MISS_SECONDS = 10
"""A name that a provider did not list is asked for again, at most this often: it may be new."""
_STARTUP_SECONDS = 0.5
_MAX_NAME_CHARS = 300

_NOT_FOR_CHAT = re.compile(
    r"embed|tts|whisper|dall-e|image|audio|realtime|moderation|transcri|rerank|speech|video|davinci|babbage|sora|veo|imagen|aqa", re.IGNORECASE
)
_PREFERRED: Mapping[Kind, tuple[str, ...]] = {
    "openai": ("gpt-5-mini", "gpt-4.1-mini", "gpt-4o-mini"),
    "anthropic": ("claude-sonnet-4-5", "claude-sonnet-4-0"),
    "gemini": ("gemini-2.5-flash", "gemini-2.0-flash"),
    "ollama": (),
}

_KNOWN_SECONDS = 30.0
_MAX_REMEMBERED = 10_000


class ModelRegistry:
    """Finds models: those of the settings, those that providers list, and `parlor/offline`. A provider that does not answer holds up nobody else."""

    def __init__(self, settings: LlmSettings, pricing: Pricing, outbound: Outbound) -> None:
        self._settings = settings
        self._catalogues = {name: Catalogue(endpoint_of(name, provider), outbound, settings.discovery_seconds) for name, provider in settings.providers.items()}
        self._groups = ModelGroups(settings)
        self._names = ModelNames(settings, self._groups)
        self._built = BuiltModels(settings, pricing, outbound, self._catalogues, self._groups)
        self._embedders = Embedders(settings, pricing, outbound, self.guards, {name: each.endpoint for name, each in self._catalogues.items()})
        self._found: dict[tuple[str | None, ModelAccess], tuple[Model, float]] = {}

    @property
    def guards(self) -> Guards:
        return self._built.guards

    async def find(self, name: str | None, access: ModelAccess = EVERYBODY) -> "Model":
        """The model called `name`: `provider/model`, an alias, or a bare name that one provider has; None is the default.

        Raises UnknownModel, also for a model that is kept for others, and NoModel when there is no default because no configured provider tells what it has.
        """
        model = self._built.routed(await self._find(name, access), access)
        if len(self._found) >= _MAX_REMEMBERED:  # a provider that lists nothing takes any name
            self._found.clear()
        self._found[name, self._groups.reduced(access)] = (model, time.monotonic())
        return model

    def known(self, name: str | None, access: ModelAccess = EVERYBODY) -> "Model | None":
        """What `find` said a moment ago, for where nothing can be waited for; None: ask `find`."""
        model, found_at = self._found.get((name, self._groups.reduced(access)), (None, 0.0))
        return model if time.monotonic() - found_at < _KNOWN_SECONDS else None

    async def is_kept(self, name: str) -> bool:
        """Whether there is such a model at all: who was told of none may then not use it."""
        target = self._settings.aliases.get(name, name)
        try:
            return self._built.kept(target) is not None or bool(await self._discover(target, OPERATOR))
        except UnknownModel:
            return False

    async def _find(self, name: str | None, access: ModelAccess) -> "Model":
        if name is None:
            return await self._default(access)
        target = self._settings.aliases.get(name, name)
        if (model := self._built.kept(target)) is not None and self._groups.allow(access, target):
            return model
        try:
            return await self._discover(target, access)
        except UnknownModel:
            if target == name or not await self.is_kept(name):
                raise
            raise self._names.unknown(name, await self._listings(), access) from None  # what an alias stands for is not told either

    async def list(self, access: ModelAccess = EVERYBODY) -> list[ModelInfo]:
        """Every model that is known now and open to `access`, in the order of the settings; the built-in one last."""
        listings = await self._listings()
        try:
            default = (await self._default(access)).name
        except NoModel:
            default = None
        models = [self._built.get(name, listings.get(name.partition("/")[0])) for name in self._names.open_to(listings, access)]
        built_in = [self._built.offline] if self._groups.allow(access, OFFLINE) else []
        return [self._describe(model, default, access, self._capabilities(model.name, listings)) for model in (*models, *built_in)]

    @property
    def kinds(self) -> frozenset[Kind]:
        """Of the providers that are configured."""
        return frozenset(each.endpoint.kind for each in self._catalogues.values())

    async def providers(self) -> "list[ProviderState]":
        listings = await self._listings()
        return [state_of(name, each.endpoint, listings[name]) for name, each in self._catalogues.items()]

    async def find_embedder(self, name: str | None, access: ModelAccess = EVERYBODY) -> "Embedder":
        """The embedding model called `name`, as with `find`; None is the one of the settings, or parlor/offline-embed.

        Raises UnknownModel, and UnsupportedInput for a model whose protocol has no embeddings.
        """
        asked = name or self._embedders.default_name()
        target = self._settings.aliases.get(asked, asked)
        if (built_in := self._embedders.built_in(target)) is not None and self._groups.allow(access, built_in.name):
            return built_in
        provider, _, rest = target.partition("/")
        if (catalogue := self._catalogues.get(provider)) is not None and rest in (await catalogue.look()).embedders and self._groups.allow(access, target):
            return self._embedders.get(target)
        return self._embedders.get((await self._find(asked, access)).name)

    async def refresh(self) -> None:
        """Ask every provider again for what it has."""
        await asyncio.gather(*(catalogue.look_again(0) for catalogue in self._catalogues.values()))

    async def startup_lines(self, _address: str) -> "list[str]":
        """What the start says about models. A provider that is slow to answer is not waited for."""
        if not self._catalogues:
            return [
                "Models: only the built-in parlor/offline. Set OPENAI_API_KEY, OPENAI_BASE_URL, GEMINI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST for real ones."
            ]
        try:
            return [startup_line(state) for state in await asyncio.wait_for(self.providers(), _STARTUP_SECONDS)]
        except TimeoutError:
            return [f"Models: still waiting for a provider of {', '.join(self._catalogues)}. `parlor llm models` shows what it has."]

    async def close(self) -> None:
        await asyncio.gather(*(catalogue.close() for catalogue in self._catalogues.values()))

    async def _listings(self) -> dict[str, Listing]:
        found = await asyncio.gather(*(catalogue.look() for catalogue in self._catalogues.values()))
        return dict(zip(self._catalogues, found, strict=True))

    async def _default(self, access: ModelAccess) -> "Model":
        """Where that of the settings is kept for others: the next one. The built-in model is a default only where it is meant to be, or all others are kept."""
        wanted = self._settings.default_model
        if wanted is not None:
            try:
                return await self._find(wanted, access)
            except UnknownModel:
                if not await self.is_kept(wanted):
                    raise
        first, is_open = self._settings.default_provider, self._groups.allow(access, OFFLINE)
        if is_open and (first == "parlor" or not self._catalogues):
            return self._built.offline
        providers = sorted(self._catalogues, key=lambda name: name != first)
        for provider in providers:
            if (name := await self._default_of(provider, access)) is not None:
                return await self._find(name, access)
        if is_open and any([await self._default_of(provider, OPERATOR) for provider in providers]):
            return self._built.offline
        raise NoModel("No provider tells which models it has. Name one in PARLOR_LLM__DEFAULT_MODEL.")

    async def _default_of(self, provider: str, access: ModelAccess) -> str | None:
        """The first that the settings list; else what is known to be sensible for this kind; else the first that is made for chats."""
        own = (name for name in self._settings.models if name.startswith(f"{provider}/") and "embed" not in name.lower())
        if listed := next((name for name in own if self._groups.allow(access, name)), None):
            return listed
        catalogue = self._catalogues[provider]
        names = [name for name in (await catalogue.look()).models or () if self._groups.allow(access, f"{provider}/{name}")]
        preferred = [name for name in _PREFERRED[catalogue.endpoint.kind] if name in names]
        best = next(iter([*preferred, *(name for name in names if not _NOT_FOR_CHAT.search(name)), *names]), None)
        return None if best is None else f"{provider}/{best}"

    async def _discover(self, name: str, access: ModelAccess) -> "Model":
        """What is kept for others takes the same road as what is not there."""
        provider, _, rest = name.partition("/")
        catalogue = self._catalogues.get(provider)
        if len(name) > _MAX_NAME_CHARS or not name.isprintable():
            raise UnknownModel("There is no such model.")
        if catalogue is None or not rest:
            return await self._by_bare_name(name, access)
        if name in self._settings.models and self._groups.allow(access, name):
            return self._built.get(name, None)
        listing = await catalogue.look()
        if not self._has(listing, name, access):
            listing = await catalogue.look_again(_MISS_SECONDS)
        if not self._has(listing, name, access):
            raise self._names.unknown(name, await self._listings(), access)
        return self._built.get(name, listing)

    def _has(self, listing: Listing, name: str, access: ModelAccess) -> bool:
        """A provider that does not say what it has takes any name."""
        provider, _, rest = name.partition("/")
        if listing.models is None:
            return self._groups.allow_unlisted(access, provider)
        return rest in listing.models and self._groups.allow(access, name)

    async def _by_bare_name(self, name: str, access: ModelAccess) -> "Model":
        """The name may have slashes of its own: `meta-llama/llama-3` is one of OpenRouter's."""
        if name == OFFLINE.partition("/")[2] and self._groups.allow(access, OFFLINE):
            return self._built.offline
        listings = await self._listings()
        found = [each for each in self._names.open_to(listings, access) if each.partition("/")[2] == name]
        if len(found) == 1:
            return self._built.get(found[0], listings[found[0].partition("/")[0]])
        if found:
            raise UnknownModel(f"Several providers have {name}: say {' or '.join(found)}.", near=found)
        raise self._names.unknown(name, listings, access)

    def _capabilities(self, name: str, listings: Mapping[str, Listing]) -> Capabilities:
        """As they are told now: providers learn."""
        known, (provider, _, rest) = self._settings.models.get(name), name.partition("/")
        if known is not None and known.capabilities is not None:
            return listed(known.capabilities)
        listing = listings.get(provider)
        told = (listing.models or {}).get(rest) if listing else None
        return OF_THE_BUILT_IN_MODEL if name == OFFLINE else told.capabilities if told else {}

    def _describe(self, model: "Model", default: str | None, access: ModelAccess, capabilities: Capabilities) -> ModelInfo:
        aliases = tuple(alias for alias, name in self._settings.aliases.items() if name == model.name)
        provider, groups = model.name.partition("/")[0], self._groups.known_to(access, model.name)
        return ModelInfo(
            name=model.name,
            provider=provider,
            context_tokens=model.context_tokens,
            max_output_tokens=model.max_output_tokens,
            price=model.price,
            is_default=model.name == default,
            aliases=aliases,
            groups=groups,
            capabilities=capabilities,
            fallbacks=self._built.fallbacks_of(model.name, access),
        )
