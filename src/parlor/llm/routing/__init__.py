"""Which model answers: its guard (a breaker of its own, a place at its provider), and who answers in its place."""
