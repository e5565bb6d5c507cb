"""The names that there are, and what is said about one that there is not."""

from collections.abc import Mapping
from difflib import get_close_matches

from parlor.llm.access import ModelAccess, ModelGroups
from parlor.llm.discovery import Listing
from parlor.llm.errors import UnknownModel
from parlor.llm.offline import NAME as OFFLINE
from parlor.llm.settings import LlmSettings

_MAX_COMPARED = 400


class ModelNames:
    def __init__(self, settings: LlmSettings, groups: ModelGroups) -> None:
        self._settings = settings
        self._groups = groups

    def open_to(self, listings: Mapping[str, Listing], access: ModelAccess) -> list[str]:
        """All full names that are open to `access`, those of the settings first."""
        listed = [name for name in self._settings.models if name.partition("/")[0] in self._settings.providers]
        discovered = [f"{provider}/{name}" for provider, listing in listings.items() for name in listing.models or ()]
        return [name for name in dict.fromkeys([*listed, *discovered]) if self._groups.allow(access, name)]

    def unknown(self, name: str, listings: Mapping[str, Listing], access: ModelAccess) -> UnknownModel:
        """With names that are much like it, of those that are open to `access`."""
        names = [*self.open_to(listings, access), *([OFFLINE] if self._groups.allow(access, OFFLINE) else [])]
        shown = {*names, *(each.partition("/")[2] for each in names)}
        names += [alias for alias, target in self._settings.aliases.items() if target in shown or self._groups.are_open]
        if len(names) > _MAX_COMPARED:
            # Comparing thousands of names takes longer than a call may hold the loop.
            start = name.rpartition("/")[2][:3].lower()
            names = [each for each in names if start in each.lower()][:_MAX_COMPARED]
        bare = {each.partition("/")[2]: each for each in names}
        near = list(dict.fromkeys([*get_close_matches(name, names, 3), *(bare[each] for each in get_close_matches(name, list(bare), 3))]))[:3]
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        return UnknownModel(f"There is no model called {name[:100]}.{hint}", near=near)
