"""BAD-88..103 in a process of its own: one line, the right exit code, no traceback, no secret, nothing changed."""

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from parlor.core.crypto import random_text
from tests.support.server import QUICK, parlor_server

SECRET = random_text(16)
ENVIRON = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONDONTWRITEBYTECODE") or name.startswith("COVERAGE")}
CONFIG, USAGE = 78, 2


async def parlor(folder: Path, *arguments: str, typed: bytes | None = None, **environ: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of a command in that folder."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parlor", *arguments),
        cwd=folder,
        env={**ENVIRON, "HOME": str(folder), **environ},
        stdin=asyncio.subprocess.DEVNULL if typed is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        said, complained = await process.communicate(typed)
    assert process.returncode is not None
    return process.returncode, said.decode(), complained.decode()


async def refused(folder: Path, *arguments: str, **environ: str) -> tuple[int, str]:
    """The exit code, and the one line that says why."""
    code, said, complained = await parlor(folder, *arguments, **environ)
    assert said == ""
    assert complained.startswith("parlor: "), complained
    assert complained.count("\n") == 1, complained
    assert "Traceback" not in complained
    assert SECRET not in complained
    return code, complained


@pytest.mark.parametrize(
    ("environment", "secret"), [("production", None), ("staging", None), ("production", "short"), ("production", "your-secret-key-here-please-change-it")]
)
async def test_outside_development_nothing_starts_with_a_weak_secret(tmp_path: Path, environment: str, secret: str | None) -> None:
    """BAD-91, SEC-36"""
    given = {} if secret is None else {"PARLOR_AUTH__SECRET_KEY": secret}
    code, line = await refused(tmp_path, "serve", "--port", "0", PARLOR_ENVIRONMENT=environment, **given)
    assert code == CONFIG
    assert "PARLOR_AUTH__SECRET_KEY" in line
    assert not secret or secret not in line
    assert list(tmp_path.iterdir()) == []


DATABASES = [
    ("mysql://me:{secret}@localhost/parlor", CONFIG),
    ("postgresql://me:{secret}@/parlor", CONFIG),
    ("postgresql://me:{secret}@127.0.0.1:1/parlor", 1),
    ("postgresql://me:{secret}@no.such.host.invalid/parlor", 1),
    ("postgresql://me:{secret}@127.0.0.1:99999/parlor", CONFIG),
    ("postgresql://me:{secret}@[::1/parlor", CONFIG),
    ("sqlite:////proc/parlor.db", 1),
    ("{secret}", CONFIG),
]


@pytest.mark.parametrize(("url", "expected"), DATABASES)
async def test_a_database_that_is_none_is_one_line_without_its_password(tmp_path: Path, url: str, expected: int) -> None:
    """BAD-92"""
    code, line = await refused(tmp_path, "serve", "--port", "0", PARLOR_DATABASE__URL=url.format(secret=SECRET))
    assert code == expected, line


async def test_a_command_does_not_repeat_the_password_either(tmp_path: Path) -> None:
    """BAD-92"""
    code, _ = await refused(tmp_path, "wallet", "verify", PARLOR_DATABASE__URL=f"postgresql://me:{SECRET}@127.0.0.1:1/parlor")
    assert code == 1


async def test_a_data_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """BAD-92"""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for path in (blocked / "below", Path("/proc/parlor")):
        code, line = await refused(tmp_path, "serve", "--port", "0", PARLOR_DATA_DIR=str(path))
        assert code in (1, CONFIG)
        assert str(path) in line


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """BAD-99"""
    file = tmp_path / "parlor.db"
    file.write_bytes(b"This is a letter to my aunt, and no database.\n" * 200)
    before = file.read_bytes()
    for arguments in (("serve", "--port", "0"), ("wallet", "verify")):
        code, _ = await refused(tmp_path, *arguments, PARLOR_DATABASE__URL=f"sqlite:///{file}")
        assert code in (1, CONFIG)
    assert file.read_bytes() == before


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    """BAD-99"""
    file = tmp_path / "parlor.db"
    url = f"sqlite:///{file}"
    assert (await parlor(tmp_path, "db", "upgrade", PARLOR_DATABASE__URL=url))[0] == 0
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
        connection.commit()
    for arguments in (("serve", "--port", "0"), ("db", "upgrade")):
        code, line = await refused(tmp_path, *arguments, PARLOR_DATABASE__URL=url)
        assert code in (1, CONFIG)
        assert "newer" in line
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("from_the_future",)]


@pytest.mark.parametrize(
    "arguments",
    [("--no-such-flag",), ("wallet", "no-such"), ("serve", "--port", "70000"), ("\u202e",), ("a\nb",)],
)
async def test_wrong_usage_is_one_line_and_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """BAD-88"""
    code, line = await refused(tmp_path, *arguments)
    assert code == USAGE
    assert "--help" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
async def test_grants_that_make_no_sense_change_nothing(tmp_path: Path) -> None:
    """BAD-30, BAD-101"""
    assert (await parlor(tmp_path, "users", "create", "ann@example.com", "--password-stdin", typed=b"a quiet river in may\n"))[0] == 0
    before = await parlor(tmp_path, "--json", "wallet", "show", "ann@example.com")
    grant = ("wallet", "grant")
    for amount in ("-5", str(2**63)):
        code, _ = await refused(tmp_path, *grant, "--reference", "x", "--", "ann@example.com", amount)
        assert code == USAGE, amount
    assert (await refused(tmp_path, *grant, "nobody@example.com", "5", "--reference", "x"))[0] == 1
    assert await parlor(tmp_path, "--json", "wallet", "show", "ann@example.com") == before
    for _ in range(2):
        assert (await parlor(tmp_path, *grant, "ann@example.com", "7", "--reference", "twice"))[0] == 0
    assert (await refused(tmp_path, *grant, "ann@example.com", "8", "--reference", "twice"))[0] == 1
    assert "5000007" in (await parlor(tmp_path, "--json", "wallet", "show", "ann@example.com"))[1]


@pytest.mark.parametrize("email", ["", "a\nb@example.com"])
async def test_an_account_that_makes_no_sense_is_not_made(tmp_path: Path, email: str) -> None:
    """BAD-38"""
    code, said, complained = await parlor(tmp_path, "users", "create", "--password-stdin", "--", email, typed=b"a quiet river in may\n")
    assert (code, said) == (USAGE, "")
    assert complained.count("\n") == 1


@pytest.mark.long
async def test_a_terminal_of_long_ago_and_one_that_is_closed_are_fine(tmp_path: Path) -> None:
    """BAD-102"""
    for locale in ("C", "no_such"):
        code, said, complained = await parlor(
            tmp_path, "chat", typed="Was ist 2 + 2? \u2603".encode(), LC_ALL=locale, LANG=locale, PYTHONUTF8="0", PYTHONIOENCODING=""
        )
        assert (code, complained) == (0, ""), (locale, complained)
        assert said
    shell = f"{sys.executable} -m parlor"
    for line in (
        f"{shell} config explain auth.secret_key --json | head -c 5 > /dev/null; exit ${{PIPESTATUS[0]}}",
        f"{shell} wallet verify >&-",
        f"{shell} --version <&- >&- 2>&-",
        f"{shell} chat <&-",
    ):
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", line), cwd=tmp_path, env={**ENVIRON, "HOME": str(tmp_path)}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            _, complained = await process.communicate()
        assert (process.returncode, complained) == (0, b""), line


async def test_a_machine_without_a_clock_serves(tmp_path: Path) -> None:
    """BAD-103: it is 1970, as on a board whose battery is empty."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import time_machine\ntime_machine.travel(60.0, tick=True).start()\n")
    url = f"sqlite:///{tmp_path / 'parlor.db'}"
    source = str(Path(__file__).parents[2] / "src")
    async with parlor_server(
        tmp_path / "server", url, "http://127.0.0.1:1/v1", PARLOR_LLM__DEFAULT_MODEL="parlor/offline", PYTHONPATH=f"{tmp_path / 'site'}:{source}"
    ) as server:
        from tests.support.chat import signed_up

        async with signed_up(server.base_url) as person:
            me = (await person.client.get("/auth/me")).json()
            assert me["created_at"].startswith("1970-01-01T")
            turn, answer = await person.ask(await person.new_session(), "What is 2 + 2?")
            assert turn["state"] == "completed"
            assert answer["created_at"].startswith("1970-01-01T")
            assert (await server.run("wallet", "verify"))[0] == 0
        assert "Traceback" not in server.log
    assert QUICK


async def test_a_stranger_on_the_machine_can_read_nothing(tmp_path: Path) -> None:
    """SEC-36: what the server makes, only its user can read."""
    async with parlor_server(tmp_path / "server", f"sqlite:///{tmp_path / 'server' / 'data' / 'parlor.db'}", "http://127.0.0.1:1/v1") as server:
        data = server.folder / "data"
        assert data.stat().st_mode & 0o077 == 0
