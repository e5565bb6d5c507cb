"""Parlor: a self-hosted chat backend. Accounts, a credit wallet, durable streaming turns, agents and tools, one room each."""

__version__ = "0.1.0"
