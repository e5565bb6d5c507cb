"""Refusals about MCP servers."""

from parlor.accounts import AdministratorsOnly
from parlor.core.errors import Conflict, Forbidden, Invalid, NotFound, ParlorError


class NoSuchServer(NotFound):
    code = "mcp.no_such_server"
    detail = "There is no MCP server of that name, or it is not open to you."


class NoSuchServerTool(NotFound):
    code = "mcp.no_such_tool"

    def __init__(self, server: str, tool: str) -> None:
        super().__init__(f"The MCP server {server} has shown no tool called {tool!r}.")


class StdioNotOverApi(Forbidden):
    code = "mcp.stdio_not_over_api"
    detail = "Servers that are started by a command come from the operator's own files (mcp.json, plugins) alone: nobody can add or change one over the API."


class UserServersOff(AdministratorsOnly):
    detail = "Only administrators add MCP servers here: the operator can change that with PARLOR_TOOLS__MCP__ALLOW_USER_SERVERS."


class ServerNameTaken(Conflict):
    code = "mcp.name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is an MCP server called {name} already: take another name, or change that one.")


class TooManyServers(Conflict):
    code = "mcp.too_many_servers"

    def __init__(self, most: int) -> None:
        super().__init__(f"You have {most} MCP servers, which is the most: remove one first.")


class ServerFromFile(Conflict):
    code = "mcp.server_from_file"

    def __init__(self, name: str, origin: str) -> None:
        super().__init__(f"{name} stands in a file of the operator ({'mcp.json' if origin == 'config' else 'its plugin.toml'}): change it there and reload.")


class DefinitionMoved(Conflict):
    code = "mcp.definition_moved"
    detail = "The tool's definition is not the one that you looked at: look again before you approve it."


class BadServerUrl(Invalid):
    code = "mcp.bad_url"


class BadServerHeaders(Invalid):
    code = "mcp.bad_headers"


class ServerFailed(ParlorError):
    """At the command line: what a server or its tool answered with."""

    code = "mcp.server_failed"
