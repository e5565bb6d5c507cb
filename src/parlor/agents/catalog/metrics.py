"""What is counted of the cache of agents."""

from parlor.core.metrics import Metrics


class CacheMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self.hits = metrics.counter("agent_executor_cache_hits", "Turns whose agent was ready.")
        self.misses = metrics.counter("agent_executor_cache_misses", "Agents that had to be made ready.")
        self.evictions = metrics.counter("agent_executor_cache_evictions", "Agents that were dropped: too many, changed, or their user away.")
