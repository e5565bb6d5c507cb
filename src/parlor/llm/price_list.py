"""The price list: what every model costs now and since when, and setting a price. The wallet keeps what was set; only here are the models known."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from parlor.llm.access import OPERATOR
from parlor.llm.errors import UnknownModel
from parlor.llm.pricing import PriceSource, Pricing
from parlor.llm.registry import ModelRegistry
from parlor.wallet import Price, PriceBook, SetPrice


class ListedPrice(msgspec.Struct, frozen=True):
    """`valid_from` is when it was set, None for a price of the settings. `set_by` is told in a history only."""

    model: str
    price: Price
    source: PriceSource
    valid_from: datetime | None = None
    set_by: UUID | None = None


class PriceList:
    """For administrators and the command line, so of all models."""

    def __init__(self, registry: ModelRegistry, pricing: Pricing, book: PriceBook) -> None:
        self._registry = registry
        self._pricing = pricing
        self._book = book

    async def current(self) -> Sequence[ListedPrice]:
        """Of every model that is known, and of those that had a price set and are not there now."""
        await self._book.fresh()
        known = [model.name for model in await self._registry.list(OPERATOR)]
        gone = sorted(self._book.models() - set(known))
        return [self._now(model) for model in (*known, *gone)]

    async def history(self, model: str) -> Sequence[ListedPrice]:
        """The newest first; the last is what it costs without a set price. Raises UnknownModel."""
        name = await self._name_of(model)
        versions = await self._book.history(name)
        return [*(_listed(name, each.price, each.set_by) for each in versions), self._unset(name)]

    async def set(self, model: str, price: Price, *, set_by: UUID | None) -> ListedPrice:
        """For what begins from now on. A name that no provider has is a slip of the pen, and told: raises UnknownModel."""
        name = await self._name_of(model)
        return _listed(name, await self._book.set(name, price, set_by=set_by))

    async def _name_of(self, model: str) -> str:
        """The whole name. A model whose price was set once can be named also while its provider is away."""
        await self._book.fresh()
        try:
            return (await self._registry.find(model, OPERATOR)).name
        except UnknownModel as unknown:
            if model in self._book.models():
                return model
            try:
                return (await self._registry.find_embedder(model, OPERATOR)).name
            except UnknownModel:
                raise unknown from None

    def _now(self, model: str) -> ListedPrice:
        found = self._book.price_of(model)
        return self._unset(model) if found is None else _listed(model, found)

    def _unset(self, model: str) -> ListedPrice:
        return ListedPrice(model, *self._pricing.unset(model))


def _listed(model: str, price: SetPrice, set_by: UUID | None = None) -> ListedPrice:
    return ListedPrice(model, price, "set", price.valid_from, set_by)
