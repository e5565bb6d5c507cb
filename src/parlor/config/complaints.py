"""Pydantic's findings, in one line each: the variable (or the line of the file), what is wrong with it, and the cure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from parlor.config.redaction import showable
from parlor.config.schema import Group, Leaf, Node, Path, dotted, find, variable
from parlor.config.sources import Given
from parlor.core.redaction import HIDDEN, scrub


def complaints(error: ValidationError, tree: Group, given: Mapping[Path, Sequence[Given]], path: Path) -> list[str]:
    return list(dict.fromkeys(_complaints(error, tree, given, path)))


def _complaints(error: ValidationError, tree: Group, given: Mapping[Path, Sequence[Given]], path: Path) -> Iterator[str]:
    for details in error.errors(include_url=False):
        where = _known(tree, (*path, *(str(part) for part in details["loc"])))
        node, _ = find(tree, where)
        culprit = next((given[where[:length]][0] for length in range(len(where), 0, -1) if where[:length] in given), None)
        if details["type"] == "missing":
            yield _missing(where, node)
        elif culprit is None:
            yield f"{variable(where) if isinstance(node, Leaf) else dotted(where)}: {scrub(_reason(details))}."
        else:
            yield _wrong(culprit, node, details)


def _known(tree: Group, where: Path) -> Path:
    """Without what pydantic adds at the end: the index in a list, the branch of a union."""
    node, known = find(tree, where)
    return where if node is not None else where[:known]


def _missing(where: Path, node: Node | None) -> str:
    description = f" ({node.description.rstrip('.')})" if isinstance(node, Leaf) and node.description else ""
    return f"{variable(where)} is missing: set it{description}."


def _wrong(culprit: Given, node: Node | None, details: ErrorDetails) -> str:
    shown = _shown(culprit.value, node)
    default = node.default if isinstance(node, Leaf) else None
    otherwise = "" if default is None else f", or remove it to have the default ({_shown(default, node)})"
    return f"{culprit.written} is {shown}: {scrub(_reason(details))}. Change it{otherwise}."


def _reason(details: ErrorDetails) -> str:
    text = details["msg"].removeprefix("Value error, ").rstrip(".")
    return re.sub(r"^Input should be ", "it should be ", text)


def _shown(value: Any, node: Node | None) -> str:
    shown = showable(node, value)
    if shown == HIDDEN:
        return "set to a secret"
    text = repr(shown) if isinstance(shown, str) else str(shown)
    return text if len(text) <= 80 else text[:77] + "..."
