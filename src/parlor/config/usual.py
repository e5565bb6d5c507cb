"""Names of others that also work, below everything else: those of the systems before Parlor, and the usual ones of the model providers.

Each is put at its place in the tree, unless the tree has no such place (its module is not there). Being other people's names, they are read
with patience: empty means absent, and a word where yes or no was expected is somebody else's business.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from parlor.config.schema import Group, Leaf, Path, find
from parlor.config.sources import Given, Source, complaint_about

_UNREADABLE = object()


class Usual(msgspec.Struct, frozen=True):
    """`paths`: where the value goes; the first that the tree has. `help` is for env.example."""

    name: str
    paths: tuple[str, ...]
    help: str
    read: Callable[[str], Any] = str


def _environment(text: str) -> str:
    short = {"dev": "development", "local": "development", "test": "development", "stage": "staging", "prod": "production"}
    return short.get(text.lower(), text.lower())


def _yes_or_no(text: str) -> Any:
    return {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}.get(text.lower(), _UNREADABLE)


def _debug_level(text: str) -> Any:
    return "debug" if _yes_or_no(text) is True else _UNREADABLE


def _database_url(text: str) -> str:
    """SQLAlchemy's spelling names a driver, Heroku's is short."""
    return re.sub(r"^sqlite\+\w+:", "sqlite:", re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", text))


def _micros(text: str) -> Any:
    try:
        return int(Decimal(text) * 1_000_000)
    except (InvalidOperation, ValueError, OverflowError):
        return text


def _seconds(text: str) -> Any:
    return int(text) * 60 if re.fullmatch(r"\d{1,9}", text) else text


def ollama_url(text: str) -> str:
    """`OLLAMA_HOST` is also what Ollama's server binds to: `0.0.0.0` there means this machine here. Without a scheme the port is 11434."""
    scheme, _, rest = text.rpartition("://")
    authority, slash, path = rest.partition("/")
    host, port = _host_and_port(authority)
    if host in ("", "0.0.0.0", "[::]", "::"):  # noqa: S104  # not bound to: read
        host = "127.0.0.1"
    port = port or {"http": "80", "https": "443"}.get(scheme, "11434")
    return f"{scheme or 'http'}://{host}:{port}{slash}{path}".rstrip("/")


def _host_and_port(authority: str) -> tuple[str, str]:
    if authority.startswith("[") or authority.count(":") < 2:
        found = re.fullmatch(r"(\[[^]]*]|[^:]*)(?::(\d*))?", authority)
        return (found[1], found[2] or "") if found else (authority, "")
    return f"[{authority}]", ""  # an IPv6 address without brackets cannot carry a port


LEGACY = (
    Usual("ENVIRONMENT", ("environment",), "development, staging or production", _environment),
    Usual("LOG_LEVEL", ("log.level",), "like PARLOR_LOG__LEVEL", str.lower),
    Usual("DEBUG", ("log.level",), "true is the log level debug, where LOG_LEVEL says nothing", _debug_level),
    Usual("RELOAD", ("server.reload",), "start again when the code changes", _yes_or_no),
    Usual("SECRET_KEY", ("auth.secret_key",), "signs the access tokens"),
    Usual("ALLOWED_HOSTS", ("server.allowed_hosts",), "host names this server answers to"),
    Usual("DATABASE_URL", ("database.url",), "postgresql://... or sqlite:///..., also with SQLAlchemy's driver names", _database_url),
    Usual("DATABASE_POOL_SIZE", ("database.pool_size",), "like PARLOR_DATABASE__POOL_SIZE"),
    Usual("DATABASE_MAX_OVERFLOW", ("database.max_overflow",), "like PARLOR_DATABASE__MAX_OVERFLOW"),
    Usual("INITIAL_WALLET_BALANCE", ("wallet.initial_bonus_micros",), "in credits; 1 credit is 1 000 000 micros", _micros),
    Usual("LLM_PROVIDER", ("llm.default_provider",), "the provider whose model is the default"),
    Usual("JWT_ALGORITHM", ("auth.jwt_algorithm", "auth.algorithm"), "how access tokens are signed"),
    Usual("JWT_EXPIRE_MINUTES", ("auth.access_token_seconds", "auth.access_token_ttl_seconds"), "how long an access token lives", _seconds),
    Usual("COMPOSIO_API_KEY", ("composio.api_key", "tools.composio.api_key"), "switches Composio on"),
    Usual("COMPOSIO_BASE_URL", ("composio.base_url", "tools.composio.base_url"), "where Composio is"),
)

PROVIDERS = (
    Usual("OPENAI_API_KEY", ("llm.providers.openai.api_key",), "switches the provider openai on"),
    Usual("OPENAI_BASE_URL", ("llm.providers.openai.base_url",), "any server that speaks OpenAI's protocol"),
    Usual("ANTHROPIC_API_KEY", ("llm.providers.anthropic.api_key",), "switches the provider anthropic on"),
    Usual("GEMINI_API_KEY", ("llm.providers.gemini.api_key",), "switches the provider gemini on"),
    Usual("OLLAMA_HOST", ("llm.providers.ollama.base_url",), "host:port or URL; switches the provider ollama on", ollama_url),
)


def from_usual_names(root: Group, variables: Mapping[str, str | None], source: str) -> Source:
    result = Source()
    for usual in (*LEGACY, *PROVIDERS):
        text = (variables.get(usual.name) or "").strip()
        path = next(_places(root, usual), None)
        if text and path is not None:
            _take(root, result, usual, path, Given(text, source, usual.name))
    return result


def _places(root: Group, usual: Usual) -> Iterator[Path]:
    for dotted in usual.paths:
        path = tuple(dotted.split("."))
        if isinstance(find(root, path)[0], Leaf):
            yield path


def _take(root: Group, result: Source, usual: Usual, path: Path, given: Given) -> None:
    node, _ = find(root, path)
    if node is not None and (complaint := complaint_about(given, node)):
        result.problems.append(complaint)
        return
    value = usual.read(given.value)
    if value is _UNREADABLE:
        return
    if isinstance(node, Leaf) and node.text == "list":
        value = [each.strip(" '\"") for each in value.strip("[]").split(",") if each.strip(" '\"")]
    result.values.setdefault(path, Given(value, given.source, given.name))
    if usual in PROVIDERS:
        result.values.setdefault((*path[:-1], "kind"), Given(path[2], given.source, given.name))
