"""`parlor users keys`, with all modules: what a key may spend is known in another room."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from parlor import ground
from parlor.accounts.cli import app as users_app
from parlor.accounts.errors import AccountNotFound, AdministratorsOnly, NoSuchApiKey
from parlor.accounts.keys_cli import app
from parlor.accounts.module import module
from parlor.command import CommandLine
from parlor.config import load_settings
from parlor.core.errors import Invalid
from parlor.module import closure
from parlor.wiring import open_house
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.either_engine

Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    environ = {
        "PARLOR_DATABASE__URL": database_url,
        "PARLOR_DATA_DIR": str(tmp_path / "data"),
        "PARLOR_AUTH__ARGON2_MEMORY_KIB": "8",
        "PARLOR_AUTH__ARGON2_TIME_COST": "1",
    }

    def run(*arguments: str, as_json: bool = False, stdin: str = "") -> Result:
        settings = load_settings([*ground.modules, module], environ, tmp_path)
        out = CommandLine(lambda _: settings, lambda s, names, _: open_house(s, None if names is None else closure(s.modules, names)))
        out.owner, out.json = "accounts", as_json
        return CliRunner().invoke(users_app if stdin else app, list(arguments), input=stdin or None, obj=out)

    run_users = run("create", "ann@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    assert run_users.exit_code == 0, run_users.output
    return run


def test_a_key_is_made_listed_and_revoked(run: Run) -> None:
    made = json.loads(run("create", "Ann@example.com", "--name", "report", "--scope", "read", "--expires-in-days", "1", as_json=True).stdout)
    assert made["key"].startswith(made["prefix"])
    assert (made["name"], made["scopes"], made["revoked_at"]) == ("report", ["read"], None)
    (listed,) = json.loads(run("list", "ann@example.com", as_json=True).stdout)
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert made["key"] not in run("list", "ann@example.com").stdout
    for _ in range(2):
        assert json.loads(run("revoke", "ann@example.com", made["id"], as_json=True).stdout)["revoked_at"]


def test_people_are_told_that_it_is_shown_once(run: Run) -> None:
    shown = run("create", "ann@example.com", "--name", "report")
    assert shown.exit_code == 0
    assert "cannot be shown again" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["create", "bob@example.com", "--name", "n"], AccountNotFound),
        (["create", "ann@example.com", "--name", "n", "--scope", "admin"], AdministratorsOnly),
        (["create", "ann@example.com", "--name", "n", "--scope", "root"], Invalid),
        (["create", "ann@example.com", "--name", " "], Invalid),
        (["create", "ann@example.com", "--name", "n", "--budget-micros", "5"], Invalid),
        (["revoke", "ann@example.com", str(UUID(int=1))], NoSuchApiKey),
        (["list", "bob@example.com"], AccountNotFound),
    ],
)
def test_what_cannot_be_done_is_refused(run: Run, arguments: list[str], error: type[Exception]) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, error), done.output


@pytest.mark.parametrize(
    "arguments", [["create", "ann@example.com"], ["revoke", "ann@example.com", "mine"], ["create", "ann@example.com", "--name", "n", "--budget-micros", "-1"]]
)
def test_bad_usage_is_exit_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
