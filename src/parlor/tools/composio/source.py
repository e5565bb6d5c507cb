"""Actions as tools for agents: those of the toolkits in the settings, to callers who may use them."""

from collections.abc import Sequence

from parlor.core.log import get_logger
from parlor.tools.composio.catalogue import Known
from parlor.tools.composio.definitions import definition_of
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.tool import ComposioTool, Workshop
from parlor.tools.ports import Offer, ToolCaller

ORIGIN = "composio"

log = get_logger("parlor.tools")

SETTLE_SECONDS = 20.0


class ComposioToolSource:
    """Whoever may use a toolkit is offered its tools before they have connected it: the first call asks them to."""

    def __init__(self, workshop: Workshop, policy: ToolkitPolicy) -> None:
        self._workshop = workshop
        self._policy = policy
        self._offers: dict[str, tuple[Known, Sequence[Offer]]] = {}

    async def offered(self, caller: ToolCaller) -> Sequence[Offer]:
        """From memory alone."""
        self._workshop.catalogue.wake()
        return [
            offer
            for toolkit, known in self._workshop.catalogue.known.items()
            if self._policy.may_use(caller, toolkit)
            for offer in self._offers_of(toolkit, known)
        ]

    async def settle(self) -> None:
        """What ToolSource promises: until the first definitions are there."""
        await self._workshop.catalogue.settle(SETTLE_SECONDS)

    def _offers_of(self, toolkit: str, known: Known) -> Sequence[Offer]:
        """Made once for what is known."""
        made = self._offers.get(toolkit)
        if made is None or made[0] is not known:
            made = self._offers[toolkit] = (known, list(self._made(toolkit, known)))
        return made[1]

    def _made(self, toolkit: str, known: Known) -> Sequence[Offer]:
        offers: list[Offer] = []
        for slug, action in sorted(known.actions.items()):
            if not self._policy.allows(toolkit, slug):
                continue
            definition = definition_of(action)
            if definition is None:
                log.warning("composio.action_left_out", action=slug)
                continue
            offers.append(Offer(ComposioTool(self._workshop, action, definition), ORIGIN, self._policy.needs_approval(toolkit, slug)))
        return offers
