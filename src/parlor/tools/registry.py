"""Which tools there are, for whom."""

from collections import OrderedDict
from collections.abc import Iterable

from parlor.core.errors import Misconfigured
from parlor.tools.policy import ToolPolicy
from parlor.tools.ports import Offer, Tool, ToolCaller, ToolSource
from parlor.tools.toolbox import Toolbox

BUILT_IN = "built-in"
KEPT_TOOLBOXES = 256

_Key = tuple[tuple[int, str, bool], ...]


class ToolRegistry:
    """Tools that are always there, and sources of those that come and go, or that not everybody has. What the policy denies is not there at all."""

    def __init__(self, offered: Iterable[Tool | ToolSource], policy: ToolPolicy) -> None:
        self._policy = policy
        self._always: dict[str, Offer] = {}
        self._sources: list[ToolSource] = []
        self._boxes: OrderedDict[_Key, Toolbox] = OrderedDict()
        for each in offered:
            self._add(each)

    def _add(self, each: Tool | ToolSource) -> None:
        if hasattr(each, "offered"):
            self._sources.append(each)  # pyright: ignore[reportArgumentType]  # told apart by what only a source has
            return
        tool: Tool = each  # pyright: ignore[reportAssignmentType]
        if tool.name in self._always:
            raise Misconfigured(f"Two tools are called {tool.name!r}: rename one, or switch one of their modules off.")
        self._always[tool.name] = Offer(tool, BUILT_IN)

    async def toolbox(self, caller: ToolCaller) -> Toolbox:
        """What this caller may use, from what is known: nothing is connected to."""
        offers = tuple(self._always.values())
        for source in self._sources:
            offers += tuple(await source.offered(caller))
        return self._kept(tuple(offer for offer in offers if self._policy.decide(offer, caller) != "deny"))

    async def settled(self, caller: ToolCaller) -> Toolbox:
        """The same, once all sources have looked at what they know nothing of yet, which takes seconds: just after a start, and at the command line."""
        for source in self._sources:
            await source.settle()
        return await self.toolbox(caller)

    async def having(self, name: str, caller: ToolCaller) -> Offer:
        """One tool that somebody has named. Raises NoSuchTool."""
        offer = (await self.toolbox(caller)).find(name)
        return offer if offer is not None else (await self.settled(caller)).exactly(name)

    def _kept(self, offers: tuple[Offer, ...]) -> Toolbox:
        key = tuple((id(offer.tool), offer.origin, offer.needs_approval) for offer in offers)
        box = self._boxes.get(key)
        if box is None:
            box = self._boxes[key] = Toolbox(offers)  # which keeps the tools alive, and so their ids
            if len(self._boxes) > KEPT_TOOLBOXES:
                self._boxes.popitem(last=False)
        else:
            self._boxes.move_to_end(key)
        return box
