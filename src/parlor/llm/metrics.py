"""What is counted of models."""

from parlor.core.metrics import Metrics


class HouseCosts:
    """What models cost the platform itself: nobody's wallet shows that."""

    def __init__(self, metrics: Metrics) -> None:
        self._micros = metrics.counter("house_cost_micros", "Micro-credits that the platform has paid for calls of its own.", ("purpose",))

    def count(self, purpose: str, cost_micros: int) -> None:
        self._micros.labels(purpose).inc(cost_micros)
