"""Connections to MCP servers: opened when first needed, shared by whoever may share them, replaced when dead, closed when idle or old.

What a server offers and who may use it is the catalog's; how a user signs in at one is the authorizer's. The library `mcp` is loaded with the first connection.
"""
