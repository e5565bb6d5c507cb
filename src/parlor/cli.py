"""The root command. Each module brings a group or single commands, and its code is imported when its command runs, not before."""

import gc
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer
from typer.main import get_group

from parlor import __version__
from parlor.command import CommandLine, command_line, printable
from parlor.command_tree import AsJson, Debug, Entry, LazyGroup, entries_of
from parlor.core.errors import ParlorError, rule_for
from parlor.core.redaction import scrub

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.config import Settings
    from parlor.module import Found

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
_NEW_OBJECTS_PER_COLLECTION = 200_000


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console script. Ends the process: 0 ok, 1 failed, 2 usage, 78 bad configuration, 130 interrupted."""
    _mend_standard_streams()
    # Loading makes hundreds of thousands of objects that stay: to look for cycles among them every 700 is an eighth of a start.
    gc.set_threshold(_NEW_OBJECTS_PER_COLLECTION, 20, 20)
    code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. An error is one line on standard error, its traceback only with --debug."""
    out = CommandLine(_load, _open)
    try:
        with get_group(app).make_context("parlor", list(arguments), obj=out) as ctx:
            ctx.command.invoke(ctx)
        sys.stdout.flush()
        return 0
    except typer.Exit as exit_:
        return exit_.exit_code
    except typer.Abort:
        return _complain(out, "aborted.", EXIT_FAILED)
    except typer.TyperException as error:
        return _explain_usage(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader (`head`) has what it wanted; `main` clears what is left
        return 0
    except Exception as error:
        return _fail(out, error)


def _explain_usage(error: typer.TyperException) -> int:
    message = error.format_message()
    if message.startswith("Usage:"):  # a group without a command: its help is the error
        typer.echo(message, err=True)
        return error.exit_code
    path = getattr(getattr(error, "ctx", None), "command_path", "parlor")
    typer.echo(f"parlor: {printable(' '.join(message.split()))} (see `{path} --help`)", err=True)
    return error.exit_code


def _fail(out: CommandLine, error: Exception) -> int:
    cause = _refusal_in(error)
    if out.debug:
        typer.echo(scrub("".join(traceback.format_exception(error))), nl=False, err=True)
    if cause is not None:
        return _complain(out, cause.detail, rule_for(cause).exit_code)
    again = "" if out.debug else " Run it again with --debug to see where."
    return _complain(out, f"an internal error: {type(error).__name__}: {error}.{again}", EXIT_FAILED)


def _refusal_in(error: BaseException) -> ParlorError | None:
    """Task groups wrap what went wrong; a single refusal inside is still a refusal."""
    if isinstance(error, BaseExceptionGroup):
        inner = cast("tuple[BaseException, ...]", error.exceptions)
        return _refusal_in(inner[0]) if len(inner) == 1 else None
    return error if isinstance(error, ParlorError) else None


def _complain(out: CommandLine, message: str, exit_code: int) -> int:
    """One line; several settings that are wrong are a line each."""
    for line in message.split("\n"):
        typer.echo(f"parlor: {printable(scrub(line))}", err=True)
    return exit_code


def _mend_standard_streams() -> None:
    """A closed stream must not become the next file that is opened, nor a `None` to print to; a character the terminal lacks must not end the command,
    nor a byte that is no character."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # stays open as long as the process
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if hasattr(stream, "reconfigure"):
            cast(Any, stream).reconfigure(errors=errors)


def _drop_output() -> None:
    """So that Python's own flush at the end finds no broken pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _load(overrides: Mapping[str, Any]) -> "Settings":
    from parlor.config import load

    return load(overrides=overrides)


def _open(settings: Any, names: Sequence[str] | None, is_debug: bool) -> "AbstractAsyncContextManager[AsyncContainer]":
    from parlor.core.log import LogSettings, configure_logging
    from parlor.module import closure
    from parlor.wiring import open_house

    # A command says what it has to say itself; the log is for what went wrong beside it.
    configure_logging(LogSettings(level="debug" if is_debug else "warning", format="console"), settings.root.environment)
    return open_house(settings, None if names is None else closure(settings.modules, names))


def _found() -> "list[Found]":
    from parlor.config import read_root
    from parlor.module import discover

    modules = read_root().modules
    return discover(modules.dir, modules.disabled)


class Root(LazyGroup):
    """Finds the modules when the first command is looked up: `--version` needs none."""

    def find_entries(self) -> Mapping[str, Entry]:
        own = {"modules": Entry("parlor.cli:modules", "Which modules there are, where they come from, and whether they are on.", None)}
        return own | entries_of(row.module for row in _found() if row.is_on)


app = typer.Typer(cls=Root, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _print_version(ctx: typer.Context, value: bool) -> None:
    if value:
        typer.echo(f"parlor {__version__}")
        raise typer.Exit


@app.callback(no_args_is_help=True)
def root(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, expose_value=False, help="Print the version.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Parlor: a self-hosted chat backend."""


def modules(ctx: typer.Context) -> None:
    """Which modules there are, where they come from, and whether they are on."""
    rows = [{"name": row.module.name, "origin": row.origin, "on": row.is_on} for row in _found()]
    command_line(ctx).print_rows(rows, ["name", "origin", "on"])
