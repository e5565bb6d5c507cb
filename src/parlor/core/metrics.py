"""Counts and durations, as Prometheus reads them. Names begin with `parlor_` and say their unit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

PREFIX = "parlor_"


class Metrics:
    """One a process and house. Rooms make theirs once, when they are built; two of one name are a mistake, and refused."""

    def __init__(self) -> None:
        # the library's own registry is the whole process's: two houses in one would count together
        from prometheus_client import CollectorRegistry

        self._registry = CollectorRegistry()

    def counter(self, name: str, what: str, labels: Sequence[str] = ()) -> "Counter":
        """`name` without prefix and `_total`."""
        from prometheus_client import Counter

        return Counter(PREFIX + name, what, labels, registry=self._registry)

    def histogram(self, name: str, what: str, labels: Sequence[str], buckets: Sequence[float]) -> "Histogram":
        from prometheus_client import Histogram

        return Histogram(PREFIX + name, what, labels, registry=self._registry, buckets=buckets)

    def exposition(self) -> tuple[bytes, str]:
        """All of them in the text format, and its media type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST
