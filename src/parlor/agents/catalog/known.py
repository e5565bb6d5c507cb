"""An agent as it is written down somewhere, with where that is."""

from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec

from parlor.agents.definition import AgentDefinition
from parlor.tools import ToolCaller

Source = Literal["settings", "file", "stored"]


class KnownAgent(msgspec.Struct, frozen=True):
    """`version` counts the changes of a stored one; what the operator has written has none. `owner_id` is whose own it is."""

    name: str
    definition: AgentDefinition
    source: Source
    file: Path | None = None
    id: UUID | None = None
    owner_id: UUID | None = None
    version: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def is_open_to(self, caller: ToolCaller) -> bool:
        if self.owner_id is not None:
            return self.owner_id == caller.account_id
        return caller.may_use(frozenset(self.definition.groups))
