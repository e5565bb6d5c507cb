"""How the services of signing in at tool servers are built."""

from collections.abc import AsyncIterator

from dishka import Provider

from parlor.core.crypto import SecretKey
from parlor.core.db import Database
from parlor.core.events import Events
from parlor.tools.mcp.oauth.authorizer import GrantAuthorizer
from parlor.tools.mcp.oauth.book import GrantBook
from parlor.tools.mcp.oauth.clients import Clients
from parlor.tools.mcp.oauth.discovery import Discovery
from parlor.tools.mcp.oauth.grants import Grants
from parlor.tools.mcp.oauth.jobs import GrantPruning
from parlor.tools.mcp.oauth.reach import Reaches
from parlor.tools.mcp.oauth.renewals import Renewals
from parlor.tools.mcp.oauth.settings import OAuthSettings
from parlor.tools.mcp.oauth.sign_ins import ServerSignIns
from parlor.tools.mcp.oauth.terms import Vault
from parlor.tools.mcp.oauth.user_data import GrantsUserData
from parlor.tools.mcp.ports import Authorizer
from parlor.tools.settings import ToolSettings


def _settings(tools: ToolSettings) -> OAuthSettings:
    return tools.mcp.oauth


def _vault(key: SecretKey) -> Vault:
    return Vault(key)


def _book(db: Database, vault: Vault) -> GrantBook:
    return GrantBook(db, vault)


def _discovery(reaches: Reaches) -> Discovery:
    return Discovery(reaches)


async def _renewals(db: Database, book: GrantBook, reaches: Reaches, clients: Clients, events: Events) -> AsyncIterator[Renewals]:
    renewals = Renewals(db, book, reaches, clients, events)
    yield renewals
    await renewals.close()


def provide_oauth(provider: Provider) -> None:
    """As part of the room's provider."""
    provider.provide_all(Clients, Grants, GrantPruning, GrantsUserData, Reaches, ServerSignIns)
    for build in (_settings, _vault, _book, _discovery, _renewals):
        provider.provide(build)
    provider.provide(GrantAuthorizer, provides=Authorizer)
