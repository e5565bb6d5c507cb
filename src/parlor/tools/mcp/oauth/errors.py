"""How signing in at a tool server fails."""

from parlor.core.errors import BadRequest, BadUpstream, Conflict, NotFound
from parlor.tools.errors import ToolError


class SignInUnusable(ToolError):
    """The server's sign-in is not one that may be used: trying again changes nothing."""


class SignInUnreachable(ToolError):
    """Somebody who is needed for it does not answer now."""


class TokenRefused(Exception):
    """The token endpoint has answered with an error of OAuth: `invalid_grant`, `invalid_client` and the like."""

    def __init__(self, error: str) -> None:
        self.error = error
        super().__init__(error)


class NoSuchGrant(NotFound):
    code = "mcp.no_such_grant"
    detail = "You have not signed in at a tool server of this name."


class NoSignInThere(Conflict):
    code = "mcp.no_sign_in"
    detail = "Nobody signs in at this tool server."


class SignInFailed(BadUpstream):
    """The detail says in a sentence what is wrong with the server's sign-in."""

    code = "mcp.sign_in_failed"


class NoClientDocument(NotFound):
    code = "mcp.no_client_document"
    detail = "This installation has no public https address, so it has no client metadata document."


class SignInRefused(BadRequest):
    """Nobody was signed in. The detail is for whoever sits at the browser; nothing in it was said by the other side."""

    code = "mcp.sign_in_refused"
