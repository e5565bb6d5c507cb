"""An MCP server with four tools, over standard input and output."""

from mcp.server import MCPServer

server = MCPServer("calculator")


@server.tool()
def add(a: int | float, b: int | float) -> int | float:
    """The sum of two numbers."""
    return a + b


@server.tool()
def subtract(a: int | float, b: int | float) -> int | float:
    """What is left of `a` without `b`."""
    return a - b


@server.tool()
def multiply(a: int | float, b: int | float) -> int | float:
    """The product of two numbers."""
    return a * b


@server.tool()
def divide(a: int | float, b: int | float) -> float:
    """How often `b` is in `a`. `b` must not be 0."""
    return a / b


if __name__ == "__main__":
    server.run()
