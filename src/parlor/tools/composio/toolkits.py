"""Which toolkits and actions a caller may look at."""

from parlor.tools.composio.catalogue import Catalogue
from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.errors import NoSuchToolkit, UnknownToComposio
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.wire import Action, Page, Toolkit
from parlor.tools.ports import ToolCaller


class Toolkits:
    """Pages have Composio's cursors; a page may have fewer rows than were asked for, as what one may not use is left out."""

    def __init__(self, client: ComposioClient, policy: ToolkitPolicy, catalogue: Catalogue) -> None:
        self._client = client
        self._policy = policy
        self._catalogue = catalogue

    async def list(self, caller: ToolCaller, *, search: str | None = None, limit: int, cursor: str | None = None) -> Page[Toolkit]:
        """Raises NotConfigured, and what Composio's failures are."""
        self._client.require()
        if not self._policy.toolkits:
            return await self._client.toolkits(search=search, limit=limit, cursor=cursor)
        chosen = sorted(each for each in self._policy.toolkits if self._policy.may_use(caller, each) and each > (cursor or ""))
        found = [await self._catalogue.toolkit(each) for each in chosen[:limit]]
        shown = [each for each in found if each is not None and (search is None or search.lower() in f"{each.slug} {each.name}".lower())]
        return Page(shown, chosen[limit - 1] if len(chosen) > limit else None)

    async def actions(self, caller: ToolCaller, toolkit: str, *, search: str | None = None, limit: int, cursor: str | None = None) -> Page[Action]:
        """In the version that would be executed. Raises NotConfigured, NoSuchToolkit, and what Composio's failures are."""
        self._client.require()
        self._policy.require(caller, toolkit)
        version = await self._catalogue.version(toolkit)
        try:
            page = await self._client.actions(toolkit, version=version, search=search, limit=limit, cursor=cursor)
        except UnknownToComposio as error:
            raise NoSuchToolkit from error
        return Page([each for each in page.items if each.toolkit.slug == toolkit and self._policy.allows(toolkit, each.slug)], page.next_cursor)
