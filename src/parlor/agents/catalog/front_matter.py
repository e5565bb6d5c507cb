"""A Markdown file with front matter: TOML between lines of +++, or YAML between lines of ---. What comes after it is the body."""

import re
import tomllib
from typing import Any, cast

_FENCED = re.compile(r"(?P<fence>\+\+\+|---)[ \t]*\r?\n(?P<front>.*?)^(?P=fence)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


class BadFrontMatter(ValueError):
    """The text is a sentence that names what is wrong and the cure."""


def parse(text: str) -> tuple[dict[str, Any], str]:
    """The fields and the body, without blank lines around it. A text that does not begin with a fence is all body. Raises BadFrontMatter."""
    if not text.startswith(("+++", "---")):
        return {}, text.strip()
    found = _FENCED.match(text)
    if found is None:
        raise BadFrontMatter(f"its front matter does not end: close it with a line of {text[:3]}")
    fields = _toml(found["front"]) if found["fence"] == "+++" else _yaml(found["front"])
    return fields, text[found.end() :].strip()


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadFrontMatter(f"its front matter is not valid TOML ({error})") from error


def _yaml(text: str) -> dict[str, Any]:
    import yaml  # slow to load, and only files with such a front matter need it

    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadFrontMatter(f"its front matter is not valid YAML ({' '.join(str(error).split())})") from error
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise BadFrontMatter("its front matter is no table: write `name: value` lines")
    return {str(name): value for name, value in cast("dict[Any, Any]", fields).items()}
