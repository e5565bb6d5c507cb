"""Who may use which models: the settings keep some for groups of accounts."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import msgspec

from parlor.llm.settings import LlmSettings

if TYPE_CHECKING:
    from parlor.accounts import Caller


class ModelAccess(msgspec.Struct, frozen=True):
    """For whom a model is looked up. As it is made without arguments it is the least that anybody has."""

    groups: frozenset[str] = frozenset()
    is_unlimited: bool = False

    @classmethod
    def of(cls, caller: "Caller") -> "ModelAccess":
        """Administrators use everything; an API key of theirs without the scope `admin` is one of an ordinary member of their groups."""
        return cls(caller.groups, caller.is_admin)


EVERYBODY = ModelAccess()
OPERATOR = ModelAccess(is_unlimited=True)
"""At the server's own command line, and where the house itself looks."""


class ModelGroups:
    """For which groups each model is kept. Names are whole: main/gpt-x."""

    def __init__(self, settings: LlmSettings) -> None:
        self._of_provider = {name: frozenset(provider.groups) for name, provider in settings.providers.items() if provider.groups}
        self._of_model = {name: frozenset(model.groups) for name, model in settings.models.items() if model.groups is not None}
        self._all = frozenset[str]().union(*self._of_provider.values(), *self._of_model.values())

    @property
    def are_open(self) -> bool:
        """Nothing is kept for anybody."""
        return not self._all

    def of(self, model: str) -> frozenset[str]:
        """Empty: everybody may use it."""
        own = self._of_model.get(model)
        return self._of_provider.get(model.partition("/")[0], frozenset()) if own is None else own

    def allow(self, access: ModelAccess, model: str) -> bool:
        return access.is_unlimited or not (needed := self.of(model)) or not needed.isdisjoint(access.groups)

    def allow_unlisted(self, access: ModelAccess, provider: str) -> bool:
        """Whether names that nobody listed may be sent to this provider: one of its restricted models may have several names there."""
        return all(self.allow(access, model) for model in (f"{provider}/", *self._of_model) if model.partition("/")[0] == provider)

    def known_to(self, access: ModelAccess, model: str) -> tuple[str, ...]:
        """Its groups as far as they are somebody's business: one's own, all for administrators."""
        needed: Collection[str] = self.of(model)
        return tuple(sorted(needed if access.is_unlimited else access.groups.intersection(needed)))

    def reduced(self, access: ModelAccess) -> ModelAccess:
        """The same for everybody to whom the same models are open: groups that no model asks for are left out."""
        if access.is_unlimited:
            return OPERATOR
        mine = self._all & access.groups
        return ModelAccess(mine) if mine else EVERYBODY
