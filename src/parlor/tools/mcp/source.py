"""The tools of MCP servers, offered to whoever may use them."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec
import structlog

from parlor.tools.mcp.catalog import HOUSE, McpServers
from parlor.tools.mcp.definitions import hash_of
from parlor.tools.mcp.known import Known
from parlor.tools.mcp.naming import name_of
from parlor.tools.mcp.pins import Pin, PinBook, Pins
from parlor.tools.mcp.ports import Authorizer, Connections
from parlor.tools.mcp.specs import ServerSpec, ToolDefinition
from parlor.tools.mcp.tool import McpTool, SignInTool
from parlor.tools.ports import Offer, Tool, ToolCaller

logger = structlog.get_logger("parlor.tools.mcp")


_MOST_CALLERS = 500
SETTLE_SECONDS = 20.0


class _OwnKept(msgspec.Struct, frozen=True):
    """The same for one caller, with what is theirs or depends on who they are."""

    version: int
    base: "_Kept"
    pins: Pins
    offers: tuple[tuple[Known, Offer], ...]


class _Kept(msgspec.Struct, frozen=True):
    """What was made of the operator's servers, for as long as nothing changes."""

    version: int
    pins: Pins
    names: frozenset[str]
    offers: tuple[tuple[Known, Offer], ...]


class McpToolSource:
    def __init__(self, servers: McpServers, pins: PinBook, connections: Connections, authorizer: Authorizer) -> None:
        self._servers = servers
        self._pins = pins
        self._connections = connections
        self._authorizer = authorizer
        self._kept: _Kept | None = None
        self._kept_of: OrderedDict[ToolCaller, _OwnKept] = OrderedDict()

    async def offered(self, caller: ToolCaller) -> Sequence[Offer]:
        """What ToolSource promises."""
        try:
            return [offer for _, offer in await self._offers(caller)]
        except Exception:
            logger.exception("mcp.offer_failed", account_id=str(caller.account_id))
            return []

    async def settle(self) -> None:
        """What ToolSource promises: at the operator's servers that nobody has looked at yet."""
        try:
            known = await self._servers.known()
            unseen = [key for key, each in known.items() if each.spec.owner_id is None and self._servers.look_of(each) is None]
            await self._servers.look_at(unseen, SETTLE_SECONDS)
        except Exception:
            logger.exception("mcp.settle_failed")

    async def _offers(self, caller: ToolCaller) -> Sequence[tuple[Known, Offer]]:
        """The same objects as long as nothing changes, since others keep what they make of them."""
        known = await self._servers.known()
        if not known:
            return ()
        base = await self._of_operator(known)
        own = _sorted(each for each in known.values() if each.spec.owner_id == caller.account_id)
        personal = [*_sorted(each for each in known.values() if _depends_on(each, caller)), *own]
        for server in personal:
            self._servers.want(server, caller)
        pins: Pins = {**base.pins, **await self._pins.fresh(caller.account_id)} if own else base.pins
        kept = self._kept_of.get(caller)
        if kept is None or kept.base is not base or kept.version != self._servers.version or (own and kept.pins != pins):
            names = set(base.names)
            version = self._servers.version
            offers = [(server, offer) for server, offer in base.offers if caller.may_use(server.spec.groups)]
            offers += [(server, offer) for server in personal for offer in self._offers_of(server, caller, pins.get(server.spec.key, {}), names)]
            kept = self._kept_of[caller] = _OwnKept(version, base, pins, tuple(offers))
        self._kept_of.move_to_end(caller)
        if len(self._kept_of) > _MOST_CALLERS:
            self._kept_of.popitem(last=False)
        return kept.offers

    async def _of_operator(self, known: Mapping[str, Known]) -> _Kept:
        """Of all that say the same to everybody. Groups do not count here, so that a tool has one name whoever looks."""
        pins = await self._pins.fresh(None)
        kept = self._kept
        if kept is None or kept.version != self._servers.version or kept.pins is not pins:
            names = set[str]()
            servers = _sorted(each for each in known.values() if each.spec.owner_id is None and not each.spec.uses_sign_in)
            version = self._servers.version
            offers = [(each, offer) for each in servers for offer in self._offers_of(each, HOUSE, pins.get(each.spec.key, {}), names)]
            kept = self._kept = _Kept(version, pins, frozenset(names), tuple(offers))
        return kept

    def _offers_of(self, server: Known, caller: ToolCaller, pins: Mapping[str, Pin], names: set[str]) -> list[Offer]:
        offers: list[Offer] = []
        definitions = self._servers.usable_tools(server, caller, pins)
        for definition in definitions:
            name = _take(server.spec.name, definition.name, names)
            tool = McpTool(name, server.spec, definition, self._connections, self.still_stands)
            offers.append(self._offer(server, tool, definition.name))
        if not definitions and server.spec.uses_sign_in and server.is_usable and not self._has_listed(server, caller):
            tool = SignInTool(_take(server.spec.name, "sign_in", names), server, self._servers, self._authorizer)
            offers.append(Offer(tool, f"mcp:{server.spec.name}"))
        return offers

    def _has_listed(self, server: Known, caller: ToolCaller) -> bool:
        look = self._servers.look_of(server, caller)
        return look is not None and look.is_good

    @staticmethod
    def _offer(server: Known, tool: Tool, own_name: str) -> Offer:
        needs_approval = any(fnmatchcase(own_name, glob) for glob in server.spec.require_approval)
        return Offer(tool, f"mcp:{server.spec.name}", needs_approval)

    def still_stands(self, spec: ServerSpec, definition: ToolDefinition) -> bool:
        """By what this process knows: the server is as it was, and nothing else waits for approval under the tool's name."""
        known = self._servers.now_known.get(spec.key)
        pin = self._pins.known(spec.owner_id).get(spec.key, {}).get(definition.name)
        if known is None or known.spec != spec or not known.is_usable or pin is None:
            return False
        return pin.approved_hash == hash_of(definition) and (spec.uses_sign_in or pin.state == "ok")

    async def names_for(self, server: Known, caller: ToolCaller) -> Mapping[str, str]:
        """The house's name of each tool that this caller is offered, by the server's own."""
        offers = [offer.tool for each, offer in await self._offers(caller) if each.spec.key == server.spec.key]
        return {tool.definition.name: tool.name for tool in offers if isinstance(tool, McpTool)}


def _depends_on(server: Known, caller: ToolCaller) -> bool:
    """An operator's server that says other things to each user."""
    return server.spec.owner_id is None and server.spec.uses_sign_in and caller.may_use(server.spec.groups)


def _take(server: str, tool: str, names: set[str]) -> str:
    name = name_of(server, tool, names)
    names.add(name)
    return name


def _sorted(servers: Iterable[Known]) -> list[Known]:
    return sorted(servers, key=lambda each: each.spec.key)
