"""Looking into JSON that may have any shape."""

from typing import Any, cast


def field_of(value: Any, name: str) -> Any:
    """None when there is none, or when `value` is no object."""
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


def rows_of(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none when it is no list."""
    return [cast("dict[str, Any]", row) for row in cast("list[Any]", value) if isinstance(row, dict)] if isinstance(value, list) else []
