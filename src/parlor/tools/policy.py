"""Who may have which tool run: `allow`, `ask` (a person decides about each call) or `deny`, by the longest glob that matches."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Literal

from parlor.tools.ports import Offer, ToolCaller
from parlor.tools.settings import ToolSettings

Decision = Literal["allow", "ask", "deny"]

STRICTNESS: Mapping[Decision, int] = {"allow": 0, "ask": 1, "deny": 2}

_NOTHING: Mapping[str, Decision] = {}


class ToolPolicy:
    """The operator's table; for members of a group that table's own says, where it says something. An agent's table can only make it stricter."""

    def __init__(self, settings: ToolSettings) -> None:
        self._everybody = settings.policy
        self._groups = settings.group_policy

    def decide(self, offer: Offer, caller: ToolCaller, agent: Mapping[str, Decision] = _NOTHING) -> Decision:
        """The strictest of what the operator, the agent and the tool's own source want."""
        name = offer.tool.name
        of_groups = by_longest_glob(name, (pair for group in caller.groups if group in self._groups for pair in self._groups[group].items()))
        wanted = (
            of_groups or by_longest_glob(name, self._everybody.items()) or "allow",
            by_longest_glob(name, agent.items()) or "allow",
            "ask" if offer.needs_approval else "allow",
        )
        return max(wanted, key=STRICTNESS.__getitem__)


def by_longest_glob(name: str, table: Iterable[tuple[str, Decision]]) -> Decision | None:
    """None when no glob matches. Of two of one length the stricter counts."""
    found: tuple[int, Decision] | None = None
    for glob, decision in table:
        if fnmatchcase(name, glob) and (found is None or (len(glob), STRICTNESS[decision]) > (found[0], STRICTNESS[found[1]])):
            found = (len(glob), decision)
    return None if found is None else found[1]
