"""One container for HTTP, the command line and jobs: services are built once per process, from the types their constructors ask for.

`open_house` gives it whatever the modules provide, and what they offer collected into lists.
"""

import ast
import importlib
import inspect
import sys
import types
import typing
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dishka import AsyncContainer, Provider, Scope, make_async_container
from dishka.exception_base import DishkaError
from dishka.provider import BaseProvider

from parlor.config import Settings
from parlor.core.collected import Checks, Invariants, JobDefinitions, Migrations, Subscribers, Tools, UserDataSources
from parlor.core.errors import Misconfigured
from parlor.module import Module

if TYPE_CHECKING:
    from parlor.core.events import Subscriber

Factory = Callable[..., Any]

_OFFERS: tuple[tuple[type[tuple[Any, ...]], Callable[[Module], Factory | None]], ...] = (
    (Checks, lambda module: module.health),
    (JobDefinitions, lambda module: module.jobs),
    (Subscribers, lambda module: module.subscribers),
    (Tools, lambda module: module.tools),
    (Invariants, lambda module: module.invariants),
    (UserDataSources, lambda module: module.user_data),
)


@asynccontextmanager
async def open_house(settings: Settings, modules: Sequence[Module] | None = None, *, overrides: Iterable[BaseProvider] = ()) -> AsyncGenerator[AsyncContainer]:
    """The container of these modules (all that are on when None; a `closure` for a command). Services start when first asked for, and stop at the end.

    `overrides` replace what modules provide: the doubles of a test. Raises `Misconfigured` when a module asks for what no module provides.
    """
    chosen = list(settings.modules if modules is None else modules)
    deaf = ", ".join(module.name for module in settings.modules if module.subscribers is not None and module not in chosen)
    container = _build(settings, chosen, [_guard_provider(deaf), *overrides])
    try:
        if any(module.subscribers is not None for module in chosen):
            await _bind_subscribers(container, deaf)
        yield container
    finally:
        await container.close()


def _build(settings: Settings, modules: Sequence[Module], overrides: Iterable[BaseProvider]) -> AsyncContainer:
    provided = [_provider_of(module.provider) for module in modules if module.provider is not None]
    try:
        return make_async_container(_settings_provider(settings, modules), *provided, *_offers(modules), *overrides)
    except DishkaError as error:
        names = ", ".join(module.name for module in modules if not module.is_ground) or "the ground"
        raise Misconfigured(f"The modules {names} do not fit together: {error}") from error


@cache
def _provider_of(make: Callable[[], Provider]) -> Provider:
    """A provider says how things are made and holds none of them: a process that opens several houses, as tests do, reads it once."""
    return make()


def _settings_provider(settings: Settings, modules: Sequence[Module]) -> Provider:
    provider = Provider(scope=Scope.APP)
    migrations = Migrations(module.migrations for module in settings.modules if module.migrations)
    for value in (settings, settings.root, migrations, *(settings.groups[module.key] for module in modules if module.settings_type is not None)):
        provider.provide(_constant(value), provides=type(value))
    return provider


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def _offers(modules: Sequence[Module]) -> Iterator[Provider]:
    """One key for each factory of each module, so that the whole graph is checked when it is built, and one list over each kind."""
    for kind, factory_of in _OFFERS:
        provider = Provider(scope=Scope.APP)
        keys: list[type] = []
        for module in modules:
            if (factory := factory_of(module)) is not None:
                keys.append(types.new_class(f"{kind.__name__}Of_{module.name}"))
                provider.provide(with_types(factory), provides=keys[-1])
        provider.provide(_collecting(kind, keys), provides=kind)
        yield provider


def _collecting(kind: type[tuple[Any, ...]], keys: Sequence[type]) -> Factory:
    """A factory that asks for all of `keys`. A module's own factory may give one thing or several."""

    def collect(**parts: Any) -> Any:
        return kind(each for part in parts.values() for each in _several(part))

    parameters = [inspect.Parameter(f"part_{at}", inspect.Parameter.KEYWORD_ONLY, annotation=key) for at, key in enumerate(keys)]
    collect.__signature__ = inspect.Signature(parameters)
    collect.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return collect


def _several(part: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", part) if isinstance(part, list | tuple) else (part,)


def with_types(factory: Factory) -> Factory:
    """The same factory with its annotations looked up, also those of names that its file imports for type checkers only.

    A `module.py` must not import `Database` to run, since every command loads every `module.py`; yet its factories say what they need.
    """
    if not inspect.isfunction(factory):
        return factory
    try:
        hints = typing.get_type_hints(factory)
    except NameError:
        hints = typing.get_type_hints(factory, globalns={**factory.__globals__, **_imports_for_type_checkers(factory)})
    copy = types.FunctionType(factory.__code__, factory.__globals__, factory.__name__, factory.__defaults__, factory.__closure__)
    copy.__kwdefaults__ = cast("dict[str, Any]", factory.__kwdefaults__)
    copy.__module__, copy.__qualname__, copy.__annotations__ = factory.__module__, factory.__qualname__, hints
    return copy


def _imports_for_type_checkers(factory: types.FunctionType) -> dict[str, Any]:
    module = sys.modules[factory.__module__]
    # Only what this factory names: a command that opens the database must not load the web framework that the room's routes are typed with.
    said = " ".join(str(each) for each in factory.__annotations__.values())
    statements = _statements_for_type_checkers(Path(module.__file__ or ""))
    named = [(node, each) for node in statements for each in node.names if (each.asname or each.name).partition(".")[0] in said]
    return {(each.asname or each.name).partition(".")[0]: _imported(node, each, module.__package__) for node, each in named}


@cache
def _statements_for_type_checkers(file: Path) -> Sequence[ast.Import | ast.ImportFrom]:
    """Read once: a file with seven factories would be parsed seven times."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    blocks = [node.body for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")]
    return [node for body in blocks for node in body if isinstance(node, ast.Import | ast.ImportFrom)]


def _imported(node: ast.Import | ast.ImportFrom, name: ast.alias, package: str | None) -> Any:
    """What the statement would bind to that name."""
    if isinstance(node, ast.Import):
        module = importlib.import_module(name.name)
        return module if name.asname else sys.modules[name.name.partition(".")[0]]
    source = importlib.import_module("." * node.level + (node.module or ""), package)
    return getattr(source, name.name, None) or importlib.import_module(f"{source.__name__}.{name.name}")


def _guards(deaf: str) -> "list[Subscriber]":
    """An event is stored for those who listen when it is recorded. So in a container that leaves a listening module out, recording must fail
    loudly: silently nobody would ever hear of it.
    """
    from parlor.core.events import Subscriber

    def refuse(tx: Any, event: Any) -> None:
        raise RuntimeError(f"{event.name} was recorded where {deaf} cannot hear it: run this command with everything=True")

    return [Subscriber("house.is_incomplete", "*", refuse, inside=True)] if deaf else []


def _guard_provider(deaf: str) -> Provider:
    from parlor.core.events import Events

    def guarded(events: Events) -> Events:
        events.bind(_guards(deaf))
        return events

    provider = Provider(scope=Scope.APP)
    provider.decorate(guarded)
    return provider


async def _bind_subscribers(container: AsyncContainer, deaf: str) -> None:
    """After the container is built, since the services behind the subscribers record events themselves."""
    from parlor.core.events import Events

    events = await container.get(Events)
    events.bind([*await container.get(Subscribers), *_guards(deaf)])
