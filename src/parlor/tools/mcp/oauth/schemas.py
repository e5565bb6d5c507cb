"""Bodies of the routes of grants."""

from datetime import datetime

from pydantic import Field

from parlor.core.web.schemas import Reply
from parlor.tools.mcp.oauth.queries import StoredGrant


class GrantRead(Reply):
    """That a tool server may be used in one's name. Tokens are never shown."""

    server: str = Field(description="The name of the server.")
    issuer: str = Field(description="Where one has signed in for it.")
    scopes: list[str]
    expires_at: datetime | None = Field(description="When its token ends; it is renewed before, where the server allows it.")
    is_renewable: bool
    created_at: datetime

    @classmethod
    def of(cls, stored: StoredGrant) -> "GrantRead":
        return cls(
            server=stored.terms.server_key.rpartition("/")[2],
            issuer=stored.terms.issuer,
            scopes=stored.scope.split(),
            expires_at=stored.expires_at,
            is_renewable=stored.refresh_token is not None,
            created_at=stored.created_at,
        )


class SignInRead(Reply):
    url: str = Field(description="Where the person's browser goes. It works once, for this account, and for a limited time.")
