"""What the operator allows: which toolkits to whom, which of their actions, and which of those a person looks at first."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from parlor.tools.composio.errors import NoSuchToolkit
from parlor.tools.composio.settings import ComposioSettings, ToolkitSettings
from parlor.tools.ports import ToolCaller

_ANY = ToolkitSettings()


class ToolkitPolicy:
    """Without any toolkit in the settings everybody may connect and execute all of them, and agents get none."""

    def __init__(self, settings: ComposioSettings) -> None:
        self.toolkits = settings.toolkits

    def settings_of(self, toolkit: str) -> ToolkitSettings:
        return self.toolkits.get(toolkit, _ANY)

    def may_use(self, caller: ToolCaller, toolkit: str) -> bool:
        if not self.toolkits:
            return True
        found = self.toolkits.get(toolkit)
        return found is not None and caller.may_use(frozenset(found.groups))

    def require(self, caller: ToolCaller, toolkit: str) -> None:
        """Raises NoSuchToolkit: what one may not use is not there."""
        if not self.may_use(caller, toolkit):
            raise NoSuchToolkit

    def allows(self, toolkit: str, action: str) -> bool:
        return _matches(action, self.settings_of(toolkit).actions)

    def needs_approval(self, toolkit: str, action: str) -> bool:
        return _matches(action, self.settings_of(toolkit).require_approval)


def _matches(action: str, globs: Iterable[str]) -> bool:
    """Composio writes its slugs in capitals, and people need not."""
    return any(fnmatchcase(action.upper(), glob.upper()) for glob in globs)
