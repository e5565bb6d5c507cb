"""Signing in at HTTP tool servers (MCP authorization): each user gives Parlor a grant of their own, which is kept sealed, renewed in time and revoked at will.

Connections ask for the header of a request through `parlor.tools.mcp.ports.Authorizer`; which servers there are belongs to others.
"""
