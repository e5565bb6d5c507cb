"""What a model costs: what an administrator has set, over the settings, over the default."""

from typing import Literal

from parlor.llm.embeddings.offline import NAME as OFFLINE_EMBEDDER
from parlor.llm.offline import NAME as OFFLINE
from parlor.llm.settings import LlmSettings
from parlor.wallet import CurrentPrices, Price

PriceSource = Literal["set", "file", "default"]

FREE = Price(0, 0)


class Pricing:
    """Asked for every turn, so that a price which was set counts for the next one; it never reads the database (`PriceBook.fresh` does)."""

    def __init__(self, settings: LlmSettings, default_price: Price, current: CurrentPrices) -> None:
        self._settings = settings
        self._default_price = default_price
        self._current = current

    def of(self, model: str) -> Price:
        """`model` is the whole name: main/gpt-x."""
        return self._current.of(model) or self.unset(model)[0]

    def unset(self, model: str) -> tuple[Price, PriceSource]:
        """What it costs as long as nobody has set a price. The built-in ones are free then."""
        known = self._settings.models.get(model)
        if known is not None and known.price is not None:
            return known.price, "file"
        return (FREE if model in (OFFLINE, OFFLINE_EMBEDDER) else self._default_price), "default"
