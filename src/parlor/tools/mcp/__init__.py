"""MCP servers: which there are, connections to them, and their tools as tools of the house."""
