"""Living with neighbours that fail or are slow: a circuit breaker and a bulkhead for whatever is called over the network."""

from parlor.core.resilience.breaker import Attempt, BreakerState, BreakerStatus, CircuitBreaker, CircuitOpen
from parlor.core.resilience.bulkhead import Bulkhead, BulkheadFull

__all__ = ["Attempt", "BreakerState", "BreakerStatus", "Bulkhead", "BulkheadFull", "CircuitBreaker", "CircuitOpen"]
