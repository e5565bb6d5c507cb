"""Composio: what users connect there (GitHub, Gmail, ...), and its actions as tools, over its HTTP API.

Owns whose connected account is whose: a call is made with the caller's own or not at all. Leaves to others when tools are offered and run.
"""
