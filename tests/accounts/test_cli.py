"""`parlor users`, with the ground floor and this room alone."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parlor import ground
from parlor.accounts.cli import app
from parlor.accounts.errors import AccountNotFound, EmailTaken, InvalidEmail, InvalidGroups, LastAdministrator, SetupDone, UnsuitablePassword
from parlor.accounts.module import module
from parlor.command import CommandLine
from parlor.config import load_settings
from parlor.core.db import DatabaseSettings
from parlor.core.db.migrate import upgrade
from parlor.core.errors import Invalid, rule_for
from parlor.core.outbound import Unreachable
from parlor.core.settings import RootSettings
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

    def run(*arguments: str, stdin: str = "", as_json: bool = False, **more: str) -> Result:
        settings = load_settings([*ground.modules, module], environ | more, tmp_path)
        out = CommandLine(lambda _: settings, lambda s, names, _: open_house(s, None if names is None else closure(s.modules, names)))
        out.owner, out.json = "accounts", as_json
        return CliRunner().invoke(app, list(arguments), input=stdin, obj=out)

    return run


def test_an_administrator_is_made_from_the_terminal(run: Run) -> None:
    link = run("setup-link")
    assert link.exit_code == 0, link.exception
    assert link.stdout.startswith("http://127.0.0.1:8000/setup#")
    made = run("create", "Root@example.com", "--admin", "--username", "Root1", "--password-stdin", stdin=PASSWORD + "\nmore\n", as_json=True)
    assert made.exit_code == 0, made.exception
    record = json.loads(made.stdout)
    assert (record["email"], record["role"], record["username"]) == ("root@example.com", "admin", "root1")
    assert isinstance(run("setup-link").exception, SetupDone)
    rows = json.loads(run("list", as_json=True).stdout)
    assert [row["email"] for row in rows] == ["root@example.com"]


def test_a_password_is_asked_twice_and_not_shown(run: Run) -> None:
    made = run("create", "ann@example.com", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.exception
    assert PASSWORD not in made.output
    assert "ann@example.com" in made.stdout
    assert run("create", "bob@example.com", stdin=f"{PASSWORD}\nanother one entirely\n").exit_code != 0
    assert "bob" not in run("list").stdout


def test_a_promotion_names_who_is_missing(run: Run) -> None:
    run("create", "ann@example.com", "--password-stdin", stdin=PASSWORD)
    assert json.loads(run("promote", "Ann@Example.com", as_json=True).stdout)["role"] == "admin"
    failed = run("promote", "bob@example.com")
    assert isinstance(failed.exception, AccountNotFound)
    assert "bob@example.com" in failed.exception.detail


def test_what_is_refused_changes_nothing(run: Run) -> None:
    run("create", "ann@example.com", "--password-stdin", stdin=PASSWORD)
    refused = {
        EmailTaken: run("create", "ANN@example.com", "--password-stdin", stdin=PASSWORD),
        UnsuitablePassword: run("create", "bob@example.com", "--password-stdin", stdin="password123\n"),
        Invalid: run("create", "bob@example.com", "--password-stdin", stdin=""),
    }
    for kind, result in refused.items():
        assert type(result.exception) is kind
    assert rule_for(UnsuitablePassword).exit_code == 2
    assert len(json.loads(run("list", as_json=True).stdout)) == 1


def test_more_accounts_than_a_page_are_listed(run: Run) -> None:
    for number in range(3):
        run("create", f"user{number}@example.com", "--password-stdin", stdin=PASSWORD)
    rows = json.loads(run("list", "--page-size", "2", as_json=True).stdout)
    assert [row["email"] for row in rows] == [f"user{number}@example.com" for number in (2, 1, 0)]


def test_accounts_are_shown_and_changed_by_any_of_their_names(run: Run) -> None:
    run("create", "ann@example.com", "--username", "tulip", "--password-stdin", stdin=PASSWORD)
    run("create", "root@example.com", "--admin", "--password-stdin", stdin=PASSWORD)
    shown = json.loads(run("show", "ANN@example.com", as_json=True).stdout)
    assert (shown["username"], shown["groups"], shown["preferences"]) == ("tulip", [], {})
    assert json.loads(run("groups", "tulip", "staff", "beta", as_json=True).stdout)["groups"] == ["beta", "staff"]
    assert json.loads(run("suspend", shown["id"], as_json=True).stdout)["status"] == "suspended"
    assert [row["email"] for row in json.loads(run("list", "--status", "suspended", "-q", "tul", "--group", "staff", as_json=True).stdout)] == [
        "ann@example.com"
    ]
    assert json.loads(run("activate", "tulip", as_json=True).stdout)["status"] == "active"
    run("promote", "ann@example.com")
    assert json.loads(run("demote", "root@example.com", as_json=True).stdout)["role"] == "user"
    assert json.loads(run("groups", "tulip", "--none", as_json=True).stdout)["groups"] == []
    refused = {
        LastAdministrator: run("demote", "tulip"),
        InvalidGroups: run("groups", "tulip", "Staff"),
        AccountNotFound: run("suspend", "bob@example.com"),
    }
    for kind, result in refused.items():
        assert type(result.exception) is kind
    assert run("groups", "tulip").exit_code == run("list", "--role", "root").exit_code == 2
    assert json.loads(run("show", "tulip", as_json=True).stdout)["role"] == "admin"


async def test_the_real_command_prints_the_link_and_loads_no_web_framework(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await upgrade(DatabaseSettings(), RootSettings(data_dir=data))
    script = (
        "import sys\nfrom parlor.cli import main\ntry:\n    main(['users', 'setup-link'])\nfinally:\n"
        "    print([name for name in ('fastapi', 'parlor.wallet.service', 'parlor.chat.service') if name in sys.modules], file=sys.stderr)"
    )
    environ = {**os.environ, "PARLOR_DATA_DIR": str(data)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=tmp_path, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    assert out.decode().startswith("http://127.0.0.1:8000/setup#")
    assert err.decode().strip().endswith("[]")


def test_a_username_alone_makes_an_account_where_the_settings_say_so(run: Run) -> None:
    assert isinstance(run("create", "ann", "--password-stdin", stdin=PASSWORD).exception, InvalidEmail)
    made = run("create", "Ann", "--password-stdin", stdin=PASSWORD, as_json=True, PARLOR_AUTH__EMAIL_REQUIRED="false")
    assert made.exit_code == 0, made.exception
    assert [json.loads(made.stdout)[name] for name in ("username", "email")] == ["ann", None]


def test_a_test_mail_says_what_became_of_it(run: Run, tmp_path: Path) -> None:
    sent = run("test-mail", "Ann@Example.com", as_json=True)
    assert sent.exit_code == 0, sent.exception
    assert (json.loads(sent.stdout)["recipient"], json.loads(sent.stdout)["folder"]) == ("ann@example.com", str(tmp_path / "data" / "mail"))
    assert len(list((tmp_path / "data" / "mail").glob("*.eml"))) == 1
    relay = {"PARLOR_AUTH__MAIL__SMTP_HOST": "127.0.0.1", "PARLOR_AUTH__MAIL__SMTP_PORT": "1", "PARLOR_AUTH__MAIL__FROM": "chat@example.com"}
    assert isinstance(run("test-mail", "ann@example.com", **relay).exception, Unreachable)
    assert isinstance(run("test-mail", "ann").exception, InvalidEmail)
