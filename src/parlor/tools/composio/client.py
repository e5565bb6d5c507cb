"""Composio's API as functions with types."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from parlor.core.outbound import Outbound
from parlor.core.resilience import BreakerStatus
from parlor.tools.composio.errors import ComposioUnavailable
from parlor.tools.composio.settings import ComposioSettings
from parlor.tools.composio.transport import Transport, part
from parlor.tools.composio.wire import Action, AuthConfig, ConnectedAccount, Executed, Link, MadeAuthConfig, Page, RawPage, Toolkit

T = TypeVar("T")

PAGE = 200
MOST_PAGES = 25


class ComposioClient:
    """Lists of one page have a cursor of Composio's own. Every method raises NotConfigured, and what `errors` says of Composio."""

    def __init__(self, outbound: Outbound, settings: ComposioSettings, transport: Transport | None = None) -> None:
        self._wire = transport or Transport(outbound, settings)
        self._execute_timeouts = settings.timeouts(settings.execute_seconds)

    @property
    def is_configured(self) -> bool:
        return self._wire.is_configured

    @property
    def is_key_refused(self) -> bool:
        return self._wire.is_key_refused

    @property
    def breaker(self) -> BreakerStatus:
        return self._wire.breaker

    def require(self) -> None:
        """Raises NotConfigured."""
        self._wire.require()

    async def toolkits(self, *, search: str | None = None, limit: int = PAGE, cursor: str | None = None) -> Page[Toolkit]:
        return await self._page("/toolkits", Toolkit, limit=limit, cursor=cursor, search=search)

    async def toolkit(self, slug: str) -> Toolkit:
        return await self._wire.get(f"/toolkits/{part(slug)}", {}, Toolkit)

    async def actions(self, toolkit: str, *, version: str, search: str | None = None, limit: int = PAGE, cursor: str | None = None) -> Page[Action]:
        return await self._page("/tools", Action, toolkit_slug=toolkit, toolkit_versions=version, search=search, limit=limit, cursor=cursor)

    async def all_actions(self, toolkit: str, *, version: str) -> Sequence[Action]:
        return await self._all("/tools", Action, toolkit_slug=toolkit, toolkit_versions=version)

    async def action(self, slug: str, *, version: str | None = None) -> Action:
        query = {} if version is None else {"toolkit_versions": version}
        return await self._wire.get(f"/tools/{part(slug)}", query, Action)

    async def auth_configs(self, *, toolkit: str | None = None, limit: int = PAGE, cursor: str | None = None) -> Page[AuthConfig]:
        return await self._page("/auth_configs", AuthConfig, toolkit_slug=toolkit, limit=limit, cursor=cursor)

    async def create_auth_config(self, toolkit: str, config: Mapping[str, Any]) -> MadeAuthConfig:
        """`config`: {"type": "use_composio_managed_auth"}, or {"type": "use_custom_auth", "authScheme", "credentials"}."""
        return await self._wire.post("/auth_configs", {"toolkit": {"slug": toolkit}, "auth_config": config}, MadeAuthConfig)

    async def link(self, *, auth_config_id: str, user_id: str, callback_url: str | None = None) -> Link:
        """Begin a sign-in: a new connected account, INITIATED until the person has been at the address."""
        more = {} if callback_url is None else {"callback_url": callback_url}
        return await self._wire.post("/connected_accounts/link", {"auth_config_id": auth_config_id, "user_id": user_id, **more}, Link)

    async def connected_account(self, account_id: str) -> ConnectedAccount:
        return await self._wire.get(f"/connected_accounts/{part(account_id)}", {}, ConnectedAccount)

    async def connected_accounts(self, *, user_id: str, limit: int = PAGE, cursor: str | None = None) -> Page[ConnectedAccount]:
        return await self._page("/connected_accounts", ConnectedAccount, user_ids=user_id, limit=limit, cursor=cursor)

    async def delete_connected_account(self, account_id: str) -> None:
        await self._wire.delete(f"/connected_accounts/{part(account_id)}")

    async def execute(self, slug: str, arguments: Mapping[str, Any], *, user_id: str, connected_account_id: str | None, version: str) -> Executed:
        """`version` is concrete. Without a connected account only for actions that need none."""
        account = {} if connected_account_id is None else {"connected_account_id": connected_account_id}
        body = {**account, "user_id": user_id, "version": version, "arguments": arguments}
        return await self._wire.post(f"/tools/execute/{part(slug)}", body, Executed, self._execute_timeouts)

    async def _all(self, path: str, kind: type[T], **query: Any) -> Sequence[T]:
        """All pages, up to a bound. Raises ComposioUnavailable for a list that has no end."""
        found: list[T] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._page(path, kind, limit=PAGE, cursor=cursor, **query)
            found += page.items
            if not page.next_cursor or page.next_cursor == cursor:
                return found
            cursor = page.next_cursor
        raise ComposioUnavailable(f"Composio's list has more than {MOST_PAGES} pages of {PAGE}.")

    async def _page(self, path: str, kind: type[T], **query: Any) -> Page[T]:
        asked = {name: value for name, value in query.items() if value is not None}
        raw = await self._wire.get(path, asked, RawPage)
        return Page(list(_readable(raw.items, msgspec.json.Decoder(kind).decode)), raw.next_cursor or None)


def _readable(items: Sequence[msgspec.Raw], decode: Callable[[msgspec.Raw], T]) -> Sequence[T]:
    """Without rows that are not what they should be: one odd row must not hide the others."""
    found: list[T] = []
    for item in items:
        try:
            found.append(decode(item))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return found
