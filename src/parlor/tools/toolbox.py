"""The tools of one caller."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import structlog

from parlor.tools.errors import NoSuchTool
from parlor.tools.ports import Offer

logger = structlog.get_logger("parlor.tools")


class Toolbox:
    """What a caller may use now, by name. The same object is given out as long as that is the same, so what is made of it can be kept by it."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        """Of two of one name the first counts: no server can put its tool in the place of a built-in one."""
        self._all = offers
        first: dict[str, Offer] = {}
        for offer in offers:
            if first.setdefault(offer.tool.name, offer) is not offer:
                logger.warning("tool.hidden", tool=offer.tool.name, origin=offer.origin, by=first[offer.tool.name].origin)
        self._offers = dict(sorted(first.items()))

    @property
    def names(self) -> Sequence[str]:
        return list(self._offers)

    @property
    def offers(self) -> Sequence[Offer]:
        """In the order of their names."""
        return list(self._offers.values())

    def find(self, name: str) -> Offer | None:
        return self._offers.get(name)

    def exactly(self, name: str) -> Offer:
        """Raises NoSuchTool."""
        if (offer := self._offers.get(name)) is None:
            raise NoSuchTool(name, self.names)
        return offer

    def matching(self, globs: Sequence[str]) -> list[Offer]:
        """Those that any of the globs names, in the order of their names."""
        return [offer for name, offer in self._offers.items() if any(fnmatchcase(name, glob) for glob in globs)]

    def chosen(self, globs: Sequence[str]) -> list[Offer]:
        """Like `matching`, for names that somebody typed: raises NoSuchTool for one that names nothing. `*` may name nothing."""
        for glob in globs:
            if glob != "*" and not self.matching([glob]):
                raise NoSuchTool(glob, self.names)
        return self.matching(globs)
