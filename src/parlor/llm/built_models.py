"""Models as they are called: each behind its guard, and with those that answer in its place."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from parlor.core.outbound import Outbound
from parlor.llm.access import ModelAccess, ModelGroups
from parlor.llm.catalogue import Catalogue
from parlor.llm.discovery import Limits, Listing
from parlor.llm.offline import NAME as OFFLINE
from parlor.llm.offline import OfflineModel
from parlor.llm.pricing import Pricing
from parlor.llm.providers.remote import RemoteModel
from parlor.llm.providers.wire import Target
from parlor.llm.routing.guarded import GuardedModel
from parlor.llm.routing.guards import Guards
from parlor.llm.routing.routed import RoutedModel
from parlor.llm.settings import LlmSettings, ModelSettings

if TYPE_CHECKING:
    from parlor.llm.ports import Model


class BuiltModels:
    """Makes a model when it is first asked for. Whether there is one of that name, and for whom, is the registry's business."""

    def __init__(self, settings: LlmSettings, pricing: Pricing, outbound: Outbound, catalogues: Mapping[str, Catalogue], groups: ModelGroups) -> None:
        self._settings = settings
        self._pricing = pricing
        self._outbound = outbound
        self._catalogues = catalogues
        self._groups = groups
        self._timeouts = settings.timeouts.as_timeouts()
        self.guards = Guards(settings)
        self.offline = OfflineModel(partial(pricing.of, OFFLINE), settings.offline.tokens_per_second)
        self._kept: dict[str, Model] = {OFFLINE: self.offline}

    def kept(self, name: str) -> "Model | None":
        """One that is known to exist."""
        return self._kept.get(name)

    def get(self, name: str, listing: Listing | None) -> "Model":
        """Kept when it is known to exist: a provider that lists nothing takes any name, and callers could think of many."""
        if found := self._kept.get(name):
            return found
        provider, _, rest = name.partition("/")
        known, told = self._settings.models.get(name), listing.models if listing else None
        model = self._build(name, provider, known or ModelSettings(), (told or {}).get(rest, Limits()))
        if known is not None or (told and rest in told):
            self._kept[name] = model
        return model

    def _build(self, name: str, provider: str, known: ModelSettings, told: Limits) -> GuardedModel:
        context = known.context_tokens or told.context_tokens or self._settings.default_context_tokens
        most = min(self._settings.default_max_output_tokens, context // 2, told.max_output_tokens or context)
        target = Target(self._catalogues[provider].endpoint, name.partition("/")[2], known.max_output_tokens or most, known.context_tokens)
        price_now = partial(self._pricing.of, name)
        model = RemoteModel(target, self._outbound, price_now=price_now, context_tokens=context, timeouts=self._timeouts)
        return GuardedModel(model, self.guards.of(name))

    def routed(self, model: "Model", access: ModelAccess) -> "Model":
        """With the models that answer in its place. Nobody waits for their providers here: what those have not told yet is not known."""
        fallbacks = self.fallbacks_of(model.name, access)
        return model if not fallbacks or isinstance(model, RoutedModel) else RoutedModel([model, *map(self._fallback, fallbacks)])

    def fallbacks_of(self, name: str, access: ModelAccess) -> tuple[str, ...]:
        """Those that are open to `access`: nobody gets at a model by another's being down."""
        known = self._settings.models.get(name)
        return tuple(each for each in known.fallbacks if self._groups.allow(access, each)) if known else ()

    def _fallback(self, name: str) -> "Model":
        provider = name.partition("/")[0]
        return self.offline if name == OFFLINE else self.get(name, self._catalogues[provider].listing)
