"""Living with neighbours that fail: a circuit breaker for whatever is called over the network."""

from parlor.core.resilience.breaker import BreakerState, BreakerStatus, CircuitBreaker, CircuitOpen

__all__ = ["BreakerState", "BreakerStatus", "CircuitBreaker", "CircuitOpen"]
