"""Whether what a definition names is there and can be an agent: looked at when a server starts, so that nobody meets it in a conversation."""

from pathlib import Path

from parlor.agents.definition import AgentDefinition
from parlor.agents.runs.kinds import NEEDS_EXTRA, has_langgraph
from parlor.agents.runs.named import CannotLoad, load_named
from parlor.agents.runs.objects import complaint_about as complaint_about_object


def problem_of(definition: AgentDefinition, place: Path) -> str | None:
    """A sentence that names the setting; None when all is well. Loads the object, and calls no factory."""
    setting, name = ("graph", definition.graph) if definition.kind == "langgraph" else ("object", definition.object)
    if definition.kind == "langgraph" and not has_langgraph():
        return NEEDS_EXTRA
    if name is None:
        return f'kind = "{definition.kind}" needs `{setting} = "package.module:attribute"` or `"path.py:attribute"`'
    try:
        named = load_named(name, place)
    except CannotLoad as error:
        return f"{setting}: {error.detail}"
    complaint = _of_graph(named) if definition.kind == "langgraph" else complaint_about_object(named)
    return None if complaint is None else f"{setting} = {name!r}: {complaint}"


def _of_graph(named: object) -> str | None:
    from parlor.agents.langgraph.graphs import complaint_about  # the extra is there

    return complaint_about(named)
