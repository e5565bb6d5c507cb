"""How a call to a server ends when it does not end with an answer. All but `SignInNeeded` are for the model's eyes."""

from parlor.tools.errors import ToolError
from parlor.tools.mcp.specs import Challenge


class ServerFailed(ToolError):
    """Speaks against the server as a whole: it cannot be started or reached, or it broke off. Its circuit breaker counts these."""


class SignInNeeded(Exception):
    """The server wants this user to sign in, and only the user can."""

    def __init__(self, challenge: Challenge) -> None:
        self.challenge = challenge
        super().__init__("the server wants the user to sign in")
