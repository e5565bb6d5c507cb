"""`parlor composio`, beside no server."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from parlor.accounts.registry import NewAccount
from parlor.cli import run
from parlor.core.clock import SystemClock
from parlor.core.db import DatabaseSettings, Transaction
from parlor.core.db.opening import open_database
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.core.jobs import Jobs
from parlor.core.settings import RootSettings
from parlor.tools.composio import queries
from parlor.tools.composio.connections import user_id_of
from tests.support.accounts import registry_of
from tests.support.composio import API_KEY, Account, ComposioServer

Call = Callable[..., str]


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    """The commands enter at the services, which the other tests run on both."""
    name: str = request.param
    return name


@pytest.fixture
def call(database_url: str, composio: ComposioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command with Composio switched on by its usual names; returns what it printed, or what it complained of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARLOR_DATABASE__URL", database_url)
    monkeypatch.setenv("COMPOSIO_API_KEY", API_KEY)
    monkeypatch.setenv("COMPOSIO_BASE_URL", composio.base_url)

    def call(*arguments: str, code: int = 0, as_json: bool = False) -> str:
        assert run([*(["--json"] if as_json else []), "composio", *arguments]) == code, capsys.readouterr()
        out, err = capsys.readouterr()
        return out if code == 0 or as_json else err

    return call


@pytest.fixture
def ann(database_settings: DatabaseSettings, root_settings: RootSettings, composio: ComposioServer) -> Account:
    """The connected account of ann@example.com."""

    async def prepare() -> UUID:
        async with open_database(database_settings, root_settings, SystemClock()) as db:
            registry = registry_of(Events(db, Jobs()))

            def add(tx: Transaction) -> UUID:
                account = registry.add(tx, NewAccount(email="ann@example.com", username="ann"))
                until = tx.now() + timedelta(hours=1)
                connection_id = new_id()
                queries.add(
                    tx, id=connection_id, account_id=account.id, connected_account_id="ca_ann", toolkit="github", auth_config_id="ac_1", watch_until=until
                )
                queries.move(tx, connection_id, "initiated", "active", None)
                return account.id

            return await db.write(add)

    account_id = asyncio.run(prepare())
    config = {"id": "ac_1", "toolkit": {"slug": "github"}}
    composio.accounts["ca_ann"] = Account("ca_ann", user_id_of(account_id), config, None, "canary-of-ann", "ACTIVE")
    return composio.accounts["ca_ann"]


def test_toolkits_and_actions_are_listed(call: Call) -> None:
    assert "weathermap" in call("toolkits")
    assert [each["slug"] for each in json.loads(call("toolkits", "--search", "mail", as_json=True))] == ["gmail"]
    shown = call("actions", "github", "--search", "issue")
    assert "GITHUB_CREATE_ISSUE" in shown
    assert "GITHUB_DELETE" not in shown
    assert call("actions", "nothing", code=1) == "parlor: There is no such toolkit: GET /composio/toolkits lists those that there are.\n"


def test_an_action_is_executed_with_somebodys_own_connection(call: Call, ann: Account, composio: ComposioServer) -> None:
    assert [each["status"] for each in json.loads(call("connections", "ann@example.com", as_json=True))] == ["active"]
    done = json.loads(call("execute", "GITHUB_CREATE_ISSUE", '{"title": "Hi"}', "--user", "ann@example.com"))
    assert (done["result"], done["error"]) == ({"canary": ann.canary, "echo": {"title": "Hi"}}, None)
    failed = json.loads(call("execute", "GITHUB_CREATE_ISSUE", '{"fails": true}', "--user", "ann@example.com", code=1, as_json=True))
    assert failed["error"] == "The repository is archived"
    assert "You have not connected gmail" in call("execute", "GMAIL_SEND_EMAIL", "--user", "ann@example.com", code=1)
    for wrong in ("[]", "{", "5"):
        assert "JSON" in call("execute", "GITHUB_CREATE_ISSUE", wrong, "--user", "ann@example.com", code=2)
    assert [each[0] for each in composio.executed] == [ann.id, ann.id]


def test_without_a_key_the_cure_is_named(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPOSIO_API_KEY")
    said = call("toolkits", code=1)
    assert (said.count("\n"), "COMPOSIO_API_KEY" in said) == (1, True)
