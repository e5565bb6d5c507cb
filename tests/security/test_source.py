"""Rules for the source that keep whole kinds of mistakes out."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "parlor"
DOORS = {
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "requests",
    "urllib3",
    "aiohttp",
    "urllib.request",
    "http.client",
    "ftplib",
    "smtplib",
    "telnetlib",
    "websockets",
}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal", "jsonpickle", "yaml", "xml", "lxml", "subprocess", "pty", "ctypes", "runpy", "code"}
RUN_TEXT = {"eval", "exec", "compile", "__import__", "execfile", "input"}
SHELLS = {"os.system", "os.popen", "os.execv", "os.spawnv", "asyncio.create_subprocess_shell", "asyncio.create_subprocess_exec", "tempfile.mktemp"}
STARTS_PROGRAMS = {
    "testing.py", "tools/mcp/connections/children.py", "tools/mcp/connections/launch.py", "tools/mcp/connections/leftovers.py",
}  # fmt: skip
READS_YAML = "agents/catalog/front_matter.py"
"""With safe_load alone, which makes no objects."""
HASHES_OF_WHAT_IS_PUBLIC = ("tools/mcp/pins.py",)
COMPARISONS = {"token", "signature", "digest", "secret", "password", "mac"}


@cache
def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    return [(str(path.relative_to(SOURCE)), node) for path in files() for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


def imports() -> Iterator[tuple[str, str]]:
    """File and module, with the name that is taken out of it."""
    for path, node in nodes():
        if isinstance(node, ast.Import):
            yield from ((path, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((path, f"{node.module}.{each.name}") for each in node.names)


def is_within(name: str, modules: set[str]) -> bool:
    return any(name == each or name.startswith(each + ".") for each in modules)


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    yield from ((path, ast.unparse(node.func), node) for path, node in nodes() if isinstance(node, ast.Call))


def test_the_search_sees_the_whole_source() -> None:
    assert len(files()) > 150
    assert ("core/outbound/wire.py", "aiohttp") in {(path, name.partition(".")[0]) for path, name in imports()}


def test_there_is_one_door_out() -> None:
    """SEC-25, SEC-26: sockets of our own are opened by core/outbound and by nothing else. One library wants requests of another's shape: it gets no network."""
    shaped = {"tools/mcp/connections/http.py"}
    assert not [f"{path}: {name}" for path, name in imports() if is_within(name, DOORS) and not path.startswith("core/outbound/") and path not in shaped]
    assert "outbound" in (SOURCE / "tools/mcp/connections/http.py").read_text(encoding="utf-8")
    openers = ("asyncio.open_connection", "loop.create_connection", "socket.create_connection", "socket.socket")
    found = {f"{path}: {name}" for path, name, _ in calls() if name in openers}
    assert found <= {"server.py: socket.socket"}, "the listening socket is the only one"


def test_no_middleware_hides_a_disconnect() -> None:
    """DESIGN: BaseHTTPMiddleware keeps the body and the client's leaving from the routes."""
    assert not [path for path, name in imports() if "BaseHTTPMiddleware" in name]
    decorated = [path for path, node in nodes() if isinstance(node, ast.Attribute) and node.attr == "middleware" and ast.unparse(node) == "app.middleware"]
    assert not decorated


def test_only_the_web_floor_knows_http_exceptions() -> None:
    """Services raise errors of `core.errors`; one table says what they are outside."""
    assert not [f"{path}: {name}" for path, name in imports() if name.endswith(".HTTPException") and not path.startswith("core/web/")]


def test_no_text_is_run_as_code_and_nothing_is_unpickled() -> None:
    """SEC-19. Programs are started where tool servers of the operator are, and in tests."""
    unsafe = [f"{path}: {name}" for path, name in imports() if is_within(name, UNSAFE_MODULES) and path not in STARTS_PROGRAMS]
    assert unsafe == [f"{READS_YAML}: yaml"]
    assert {name for path, name, _ in calls() if path == READS_YAML and name.startswith("yaml.")} == {"yaml.safe_load"}
    assert not [f"{path}:{node.lineno}: {name}" for path, name, node in calls() if name in RUN_TEXT | SHELLS and path not in STARTS_PROGRAMS]
    assert not [f"{path}:{node.lineno}" for path, name, node in calls() if name in RUN_TEXT | {"os.system", "os.popen"} or "shell" in name]


def test_what_must_not_be_guessed_does_not_come_from_random() -> None:
    """`random` may only spread retries over time."""
    allowed = {
        "tools/composio/transport.py",
        "tools/mcp/connections/pool.py",
        "tools/mcp/keeper.py",
        "chat/idle_agents.py",
        "core/jobs/runner.py",
        "core/db/sqlite.py",
        "core/db/postgres.py",
        "llm/providers/refusals.py",
    }
    assert not [f"{path}: {name}" for path, name in imports() if is_within(name, {"random"}) and path not in allowed]
    assert not [f"{path}:{node.lineno}: {name}" for path, name, node in calls() if name in ("uuid.uuid1", "uuid1", "time.time_ns") and "token" in path]


def test_secrets_are_compared_in_constant_time() -> None:
    """An == between a secret that was sent and one that is stored would tell how far they agree. (In queries.py an == is SQL.)"""
    found = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path, node in nodes()
        if isinstance(node, ast.Compare)
        and not path.endswith(("queries.py", *HASHES_OF_WHAT_IS_PUBLIC))
        and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops)
        for side in (node.left, *node.comparators)
        if isinstance(side, ast.Name | ast.Attribute) and ast.unparse(side).rpartition(".")[2].lower().strip("_") in COMPARISONS
    ]
    assert not found


@pytest.mark.parametrize("word", ["verify=False", "ssl=False", "check_hostname = False", "CERT_NONE", "verify_signature", "shell=True", "algorithms=None"])
def test_no_check_is_switched_off(word: str) -> None:
    assert not [str(path.relative_to(SOURCE)) for path in files() if word in path.read_text(encoding="utf-8")]


def test_the_environment_is_read_by_the_configuration_only() -> None:
    """Importing a module reads nothing, and a setting has one way in. A child process gets a chosen few of ours."""
    readers = {path for path, node in nodes() if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")}
    assert {path for path in readers if not path.startswith("config/")} <= {"server.py", "chat/cli.py", "tools/mcp/connections/children.py"}


def test_every_body_of_a_request_refuses_unknown_fields() -> None:
    """SEC-11, for models that OpenAPI does not show: every class that is read from outside and not a reply forbids extras."""
    from pydantic import BaseModel

    import parlor.accounts.schemas
    import parlor.chat.schemas

    for module in (parlor.accounts.schemas, parlor.chat.schemas):
        for name, model in vars(module).items():
            if isinstance(model, type) and issubclass(model, BaseModel) and name.endswith(("Create", "Update", "Change", "Use", "Part")):
                assert model.model_config.get("extra") == "forbid", name
