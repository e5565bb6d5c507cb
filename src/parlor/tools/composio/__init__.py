"""Composio: tools of outside services, run with the caller's own connected account."""
