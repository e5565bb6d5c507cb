"""Rows as agents."""

from collections.abc import Mapping
from typing import Any

from parlor.agents.catalog.known import KnownAgent
from parlor.agents.definition import AgentDefinition, AgentLimits


def as_known(row: Any, user_limits: AgentLimits) -> KnownAgent:
    definition = definition_of(row.definition)
    if row.owner_id is not None:
        definition = definition.model_copy(update={"limits": capped(definition.limits, user_limits)})
    at = {"created_at": row.created_at, "updated_at": row.updated_at}
    return KnownAgent(row.name, definition, "stored", id=row.id, owner_id=row.owner_id, version=row.version, **at)


def definition_of(stored: Mapping[str, Any]) -> AgentDefinition:
    """Without what a newer Parlor, beside this one during an update, has written and this one does not know."""
    return AgentDefinition.model_validate({name: value for name, value in stored.items() if name in AgentDefinition.model_fields})


def capped(limits: AgentLimits, most: AgentLimits) -> AgentLimits:
    """Each the smaller of the two, where `most` has one: looked at whenever the agent is read, so that a new setting counts for all."""
    ceilings, wanted = most.model_dump(exclude_none=True), limits.model_dump()
    return AgentLimits.model_validate({name: _lesser(value, ceilings.get(name)) for name, value in wanted.items()})


def _lesser(value: float | None, ceiling: float | None) -> float | None:
    if value is None or ceiling is None:
        return ceiling if value is None else value
    return min(value, ceiling)
