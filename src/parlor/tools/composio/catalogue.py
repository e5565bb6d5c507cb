"""What is known of toolkits: their versions and their actions. Learned in the background, so that no turn waits for it."""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Set

import msgspec

from parlor.core.errors import ParlorError
from parlor.core.jobs import Job
from parlor.core.log import get_logger
from parlor.tools.composio.client import MOST_PAGES, ComposioClient
from parlor.tools.composio.errors import NoSuchAction, NoSuchToolkit, NoVersion, UnknownToComposio
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.settings import CONCRETE_VERSION, ComposioSettings
from parlor.tools.composio.wire import Action, Toolkit

log = get_logger("parlor.tools")

REFRESH = "composio.refresh_catalogue"
_MOST_REMEMBERED = 512
_FIRST_PAUSES = (1.0, 5.0, 30.0, 60.0)


class Known(msgspec.Struct, frozen=True, eq=False):
    """All actions of one toolkit in one version, by slug."""

    version: str
    actions: Mapping[str, Action]


class Catalogue:
    """One for the process. A version that was looked up is kept until it ends: what agents were told of an action is what is executed."""

    def __init__(self, client: ComposioClient, policy: ToolkitPolicy, settings: ComposioSettings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._policy = policy
        self._refresh_seconds = settings.refresh_seconds
        self._monotonic = monotonic
        self._known: dict[str, Known] = {}
        self._versions: dict[str, str] = {}
        self._open: frozenset[str] = frozenset()
        self._listed: dict[str, Toolkit] = {}
        self._remembered: OrderedDict[tuple[str, str], Action] = OrderedDict()
        self._looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._loaded_at: float | None = None
        self.last_error: str | None = None
        """Of the last refresh; None when it went well."""

    @property
    def known(self) -> Mapping[str, Known]:
        """By toolkit: those of the settings, as far as they could be asked for."""
        return self._known

    @property
    def open(self) -> frozenset[str]:
        """Toolkits that need no sign-in, as far as that is known."""
        return self._open

    @property
    def is_loaded(self) -> bool:
        return self._loaded_at is not None

    def needs_no_connection(self, slug: str) -> bool:
        """Whether it is known of this action that it works without a connected account."""
        return any(slug in known.actions and known.actions[slug].no_auth for known in self._known.values()) or toolkit_of(slug, self._open) is not None

    def wake(self) -> None:
        """Learn in the background if what is known is missing or old, and nobody is at it."""
        is_old = self._loaded_at is None or self._monotonic() - self._loaded_at > self._refresh_seconds
        if self._client.is_configured and is_old and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._learn(), name="composio catalogue")

    async def settle(self, seconds: float) -> None:
        """Until it has learned once what it knows nothing of yet, and no longer than that."""
        self.wake()
        if self._task is not None and not self.is_loaded:
            await asyncio.wait([self._task], timeout=seconds)

    def job(self) -> Job:
        """Renews what this process knows, on time; other processes find out that theirs is old when somebody asks."""

        async def run(_: Mapping[str, object]) -> None:
            if self._client.is_configured:
                await self.refresh()

        return Job(REFRESH, run, every_seconds=self._refresh_seconds, first_after_seconds=self._refresh_seconds, timeout_seconds=300, attempts=3)

    async def refresh(self) -> None:
        """What cannot be had stays as it was known. Raises the first failure."""
        tried = [await self._failure_of(self._learn_lists()), *[await self._failure_of(self._learn_toolkit(each)) for each in self._policy.toolkits]]
        failures = [error for error in tried if error is not None]
        self.last_error = failures[0].detail if failures else None
        if failures:
            raise failures[0]
        self._loaded_at = self._monotonic()

    async def version(self, toolkit: str) -> str:
        """The operator's, else the newest when it was first asked for. Never "latest". Raises NoSuchToolkit, NoVersion, and what Composio's failures are."""
        if pinned := self._policy.settings_of(toolkit).version:
            return pinned
        async with self._looking:
            if toolkit not in self._versions:
                self._versions[toolkit] = await self._newest(toolkit)
        return self._versions[toolkit]

    async def action(self, toolkit: str, slug: str) -> Action:
        """From what is known, else from Composio. Raises NoSuchAction, and what `version` raises."""
        known = self._known.get(toolkit)
        if known is not None and slug in known.actions:
            return known.actions[slug]
        version = await self.version(toolkit)
        if (slug, version) not in self._remembered:
            try:
                self._remembered[slug, version] = await self._client.action(slug, version=version)
            except UnknownToComposio as error:
                raise NoSuchAction from error
            if len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return self._remembered[slug, version]

    async def toolkit(self, slug: str) -> Toolkit | None:
        """One of the settings, from what is known, else from Composio; None when it has no such toolkit."""
        if slug not in self._listed:
            try:
                self._listed[slug] = await self._client.toolkit(slug)
            except UnknownToComposio:
                return None
        return self._listed[slug]

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _learn(self) -> None:
        """Until it is learned, or has failed a few times: then the next who asks begins anew."""
        for pause_seconds in (*_FIRST_PAUSES, None):
            try:
                await self.refresh()
            except ParlorError as error:
                log.warning("composio.catalogue_not_learned", error=f"{error.code}: {error.detail}")
            else:
                return
            if pause_seconds is not None:
                await asyncio.sleep(pause_seconds)

    async def _failure_of(self, learning: Awaitable[None]) -> ParlorError | None:
        try:
            await learning
        except ParlorError as error:
            return error
        return None

    async def _learn_toolkit(self, toolkit: str) -> None:
        version = await self.version(toolkit)
        found = await self._client.all_actions(toolkit, version=version)
        actions = {each.slug: each for each in found if each.toolkit.slug == toolkit and not each.is_deprecated}
        self._known[toolkit] = Known(version, actions)

    async def _learn_lists(self) -> None:
        """Which toolkits need no sign-in: only lists say it. And those of the settings as they are listed."""
        found: dict[str, Toolkit] = {}
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._client.toolkits(cursor=cursor)
            found |= {each.slug: each for each in page.items}
            cursor = page.next_cursor
            if cursor is None:
                break
        self._open = frozenset(slug for slug, each in found.items() if each.no_auth)
        self._listed |= {slug: each for slug, each in found.items() if slug in self._policy.toolkits}

    async def _newest(self, toolkit: str) -> str:
        try:
            version = (await self._client.toolkit(toolkit)).meta.version
        except UnknownToComposio as error:
            raise NoSuchToolkit from error
        if version is None or re.fullmatch(CONCRETE_VERSION, version) is None:
            raise NoVersion
        return version


def toolkit_of(slug: str, toolkits: Set[str]) -> str | None:
    """Which of these toolkits an action belongs to by its name: GITHUB_CREATE_ISSUE is github's. The longest, as one's name may begin another's."""
    lowered = slug.lower()
    return max((each for each in toolkits if lowered.startswith(each.replace("-", "_") + "_")), key=len, default=None)


async def provide_catalogue(client: ComposioClient, policy: ToolkitPolicy, settings: ComposioSettings) -> "AsyncGenerator[Catalogue]":
    """For the container. Begins to learn at once, and nobody waits for it."""
    catalogue = Catalogue(client, policy, settings)
    catalogue.wake()
    yield catalogue
    await catalogue.close()
