"""The tree of commands, put together from what modules say of theirs without importing it: names, where the code is, one line of help."""

import ast
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec.structs import replace
from typer.core import TyperGroup
from typer.main import get_command, get_group

from parlor.command import CommandLine
from parlor.core.errors import Misconfigured
from parlor.module import Module, load_name


def _want_json(ctx: typer.Context, value: bool) -> None:
    out = ctx.find_root().obj
    if value and isinstance(out, CommandLine):
        out.json = True


def _want_debug(ctx: typer.Context, value: bool) -> None:
    out = ctx.find_root().obj
    if value and isinstance(out, CommandLine):
        out.debug = True


AsJson = Annotated[bool, typer.Option("--json", callback=_want_json, expose_value=False, help="Print JSON.")]
Debug = Annotated[bool, typer.Option("--debug", callback=_want_debug, expose_value=False, help="Print the traceback of an error, and what is logged.")]


class Entry(msgspec.Struct, frozen=True):
    """A command or a group. `target` is "package.module:name" of a function or a Typer app; None: a group made of `children` alone.

    Where `help` is None, `line` reads it from the code: only a list of commands asks for it, and no command waits until the code of all others was read.
    """

    target: str | None
    help: str | None
    owner: str | None
    children: "Mapping[str, Entry]" = msgspec.field(default_factory=dict[str, "Entry"])

    @property
    def line(self) -> str:
        return summary(self.target) if self.help is None and self.target is not None else self.help or ""


def entries_of(modules: Iterable[Module]) -> dict[str, Entry]:
    """The commands of these modules. A later module may add to the group of an earlier one, and the other way round."""
    entries: dict[str, Entry] = {}
    singles: list[tuple[Sequence[str], str, Module]] = []
    for module in modules:
        if module.cli is not None:
            entries[module.name] = Entry(module.cli, module.cli_help, module.name)
        singles += [(path.split(), target, module) for path, target in (module.commands or {}).items()]
    for path, target, module in sorted(singles, key=lambda single: len(single[0])):
        entries = _placed(entries, path, Entry(target, None, module.name), module.cli_help)
    return entries


def _placed(entries: Mapping[str, Entry], path: Sequence[str], entry: Entry, group_help: str) -> dict[str, Entry]:
    name, rest = path[0], path[1:]
    if not rest and name in entries and entries[name].target not in (None, entry.target):
        raise Misconfigured(f"The modules {entries[name].owner!r} and {entry.owner!r} both bring the command {name!r}: one must give it another name.")
    if not rest:
        return {**entries, name: replace(entry, children=entries[name].children) if name in entries else entry}
    group = entries.get(name) or Entry(None, group_help, entry.owner)
    return {**entries, name: replace(group, children=_placed(group.children, rest, entry, group_help))}


def summary(target: str) -> str:
    """The first line of a function's docstring, or the `help` of a Typer app, read from the source so that nothing is imported."""
    package, _, name = target.partition(":")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return ""
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and any(isinstance(each, ast.Name) and each.id == name for each in node.targets):
            return next((str(each.value.value) for each in node.value.keywords if each.arg == "help" and isinstance(each.value, ast.Constant)), "")
    return ""


class LazyGroup(TyperGroup):
    """A group some of whose commands are entries: loaded when they run, listed by what is known of them."""

    entries: Mapping[str, Entry] | None = None

    def find_entries(self) -> Mapping[str, Entry]:
        return {}

    def _known(self) -> Mapping[str, Entry]:
        if self.entries is None:
            self.entries = self.find_entries()
        return self.entries

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted({*self.commands, *self._known()})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = self._known().get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        out = ctx.find_root().obj
        if isinstance(out, CommandLine) and entry.owner is not None:
            out.owner = entry.owner
        return _loaded(cmd_name, entry)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        known = self._known()
        rows: list[tuple[str, str]] = []
        for name in self.list_commands(ctx):
            command = None if name in known else self.commands[name]
            if command is None or not command.hidden:
                rows.append((name, known[name].line if command is None else command.get_short_help_str(100)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        from difflib import get_close_matches

        name, names = args[0], self.list_commands(ctx)
        if not name.startswith("-") and name not in names:
            close = get_close_matches(name, names, n=1)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)


def _loaded(name: str, entry: Entry) -> Any:
    target = None if entry.target is None else load_name(entry.target)
    if target is None or isinstance(target, typer.Typer):
        command: Any = get_group(target or _empty())
        if entry.children:
            command = _with_children(command, entry)
    else:
        single = typer.Typer(add_completion=False)
        single.command(name)(target)
        command = get_command(single)
    command.name, command.help = name, command.help or entry.line
    with_common_options(command)
    return command


def _empty() -> typer.Typer:
    group = typer.Typer(add_completion=False, no_args_is_help=True)
    group.callback()(lambda: None)
    return group


def _with_children(command: TyperGroup, entry: Entry) -> LazyGroup:
    """The same group, with other modules' commands beside its own."""
    group = LazyGroup(
        name=command.name,
        commands=dict(command.commands),
        help=command.help or entry.line,
        callback=command.callback,
        params=command.params,
        no_args_is_help=command.no_args_is_help,
        invoke_without_command=command.invoke_without_command,
    )
    group.entries = entry.children
    return group


def with_common_options(command: Any) -> None:
    """`--json` and `--debug` on every command. Help is plain text: quick, and right in any locale."""
    command.rich_markup_mode = None
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            with_common_options(each)
        return
    taken = {option for parameter in command.params for option in parameter.opts}
    command.params += [parameter for parameter in _common_parameters() if not taken & set(parameter.opts)]


def _common_parameters() -> list[Any]:
    def template(as_json: AsJson = False, debug: Debug = False) -> None: ...

    single = typer.Typer(add_completion=False)
    single.command()(template)
    return list(get_command(single).params)
