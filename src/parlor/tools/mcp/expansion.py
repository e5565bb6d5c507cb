"""`${VAR}` and `${VAR:-default}` in what the operator wrote, and nothing more of a shell's language."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:env:)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{")


class UnknownVariable(ValueError):
    """The text is a sentence that names the variable."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """A variable that is empty counts as unset where there is a default. `$${` stands for `${`. Raises UnknownVariable."""

    def value_of(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        name, default = found["name"], found["default"]
        if name is None:
            odd = text[found.start() : found.start() + 24]
            raise UnknownVariable(f"{odd!r} is no variable: write ${{NAME}} or ${{NAME:-default}}, and $${{ for the characters themselves")
        value = variables.get(name)
        if value is None and default is None:
            raise UnknownVariable(f"the variable {name} is not set: set it in the server's environment or .env, or write ${{{name}:-default}}")
        return value if value or default is None else default  # pyright: ignore[reportReturnType]  # a value without a default is there

    return _REFERENCE.sub(value_of, text)
