"""Adapters, one per protocol."""
