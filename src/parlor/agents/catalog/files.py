"""The operator's agents in Markdown files: the front matter is the definition, the body its prompt, the file's name its own."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from parlor.agents.catalog.front_matter import BadFrontMatter, parse
from parlor.agents.catalog.known import KnownAgent
from parlor.agents.definition import NAME_RULE, AgentDefinition, is_agent_name

FOLDER = "agents"


class FilesRead(msgspec.Struct, frozen=True):
    """`bad` are the names of files that have a problem each; with one a server does not start."""

    agents: Mapping[str, KnownAgent] = msgspec.field(default_factory=dict[str, KnownAgent])
    problems: tuple[str, ...] = ()
    bad: frozenset[str] = frozenset()


class AgentFiles:
    """`place` is where parlor.toml is: the folder is beside it unless the settings name another."""

    def __init__(self, given: Path | None, place: Path) -> None:
        self._given = given
        self._folder = given or place / FOLDER

    def read(self) -> FilesRead:
        """Reads anew at every call; blocks for as long as a few small files take. Raises nothing."""
        if self._given is not None and not self._given.is_dir():
            return FilesRead(problems=(f"agent_runtime.agents_dir is {self._given}, and there is no such folder: make it, or remove the setting.",))
        agents: dict[str, KnownAgent] = {}
        problems: dict[str, str] = {}
        for path in self._paths():
            try:
                agents[path.stem] = KnownAgent(path.stem, _definition_in(path), "file", path)
            except BadFrontMatter as error:
                problems[path.stem] = f"{path}: {error}."
        return FilesRead(agents, tuple(problems.values()), frozenset(problems))

    def stamp(self) -> Sequence[Any]:
        """Another one after the files have changed."""
        found: list[tuple[str, int, int]] = []
        for path in self._paths():
            try:
                stat = path.stat()
            except OSError:
                continue
            found.append((path.name, stat.st_mtime_ns, stat.st_size))
        return found

    def _paths(self) -> Iterator[Path]:
        """README.md and hidden files are not agents."""
        if self._folder.is_dir():
            yield from (path for path in sorted(self._folder.glob("*.md")) if path.name != "README.md" and not path.name.startswith("."))


def _definition_in(path: Path) -> AgentDefinition:
    """Raises BadFrontMatter."""
    if not is_agent_name(path.stem):
        raise BadFrontMatter(f"{path.stem[:100]!r} cannot be an agent's name: rename the file ({NAME_RULE})")
    try:
        fields, body = parse(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise BadFrontMatter("it is not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise BadFrontMatter(f"it cannot be read ({error.strerror})") from error
    if "system_prompt" in fields and body:
        raise BadFrontMatter("it has a system_prompt and a body, which is the prompt: remove one of them")
    try:
        return AgentDefinition.model_validate({**fields, **({"system_prompt": body} if body else {})})
    except ValidationError as error:
        raise BadFrontMatter("; ".join(_complaint(each) for each in error.errors())) from error


def _complaint(error: Any) -> str:
    """As pydantic says it, without the value: an unknown name is the commonest mistake, so what there is instead is said with it."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"there is no setting {where[:100]!r}: there are {', '.join(AgentDefinition.model_fields)}" if "." not in where else f"unknown {where[:100]}"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {said}" if where else said
