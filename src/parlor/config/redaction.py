"""Values as they may be shown to whoever looks at the settings."""

from collections.abc import Mapping
from typing import Any, cast

from parlor.config.schema import Leaf, Node
from parlor.core.redaction import HIDDEN, is_telling, scrub


def showable(node: Node | None, value: Any) -> Any:
    """JSON-ready, with nothing secret in it: neither secret settings nor the password inside a URL."""
    is_secret = isinstance(node, Leaf) and node.is_secret and value not in (None, "")
    return HIDDEN if is_secret else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): HIDDEN if is_telling(str(key)) else _plain(each) for key, each in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in cast("list[Any]", value)]
    return scrub(str(getattr(value, "value", value)))
