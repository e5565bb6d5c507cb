"""`parlor wallet`, beside no server."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from parlor.accounts import AccountDirectory
from parlor.cli import run
from parlor.core.clock import SystemClock
from parlor.core.db import DatabaseSettings, Transaction, statement
from parlor.core.db.opening import open_database
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.core.jobs import Jobs
from parlor.core.settings import RootSettings
from parlor.wallet.cli import Progress
from tests.support.accounts import registry_of
from tests.wallet.conftest import BONUS, House

Call = Callable[..., str]


@pytest.fixture
def call(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the test's database; returns what it printed, or what it complained of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARLOR_DATABASE__URL", database_url)

    def call(*arguments: str, code: int = 0) -> str:
        assert run(["wallet", *arguments]) == code, capsys.readouterr()
        out, err = capsys.readouterr()
        return out if code == 0 or "--json" in arguments else err

    return call


@pytest.fixture
def house(database_settings: DatabaseSettings, root_settings: RootSettings) -> None:
    """ann@example.com, with the bonus."""

    async def prepare() -> None:
        async with open_database(database_settings, root_settings, SystemClock()) as db:
            house = House(db)
            await house.wallet.open(await house.bare_account("ann@example.com"))
            await house.bare_account("bob@example.com")

    asyncio.run(prepare())


def test_show_tells_people_and_programs_what_is_there(call: Call, house: None) -> None:
    table = call("show", "Ann@example.com")
    assert "available micros" in table
    assert "Welcome bonus" in table
    record = json.loads(call("show", "ann@example.com", "--json"))
    assert (record["available_micros"], record["held_micros"], record["posted_micros"]) == (BONUS, 0, BONUS)
    assert [entry["kind"] for entry in record["entries"]] == ["bonus"]


def test_show_makes_a_wallet_that_is_missing(call: Call, house: None) -> None:
    assert json.loads(call("show", "bob@example.com", "--json"))["available_micros"] == BONUS


def test_nobody_of_that_address_is_one_line(call: Call, house: None) -> None:
    assert call("show", "nobody@example.com", code=1) == "parlor: No account has the address nobody@example.com.\n"


def test_a_grant_counts_once_per_reference(call: Call, house: None) -> None:
    for _ in range(2):
        entry = json.loads(call("grant", "ann@example.com", "700", "--reference", "invoice 7", "--json"))
        assert (entry["amount_micros"], entry["balance_micros"], entry["reference"]) == (700, BONUS + 700, "invoice 7")
    assert "was used for another" in call("grant", "ann@example.com", "701", "--reference", "invoice 7", code=1)
    assert "was used for another" in call("grant", "bob@example.com", "700", "--reference", "invoice 7", code=1)
    assert "between 1 and" in call("grant", "ann@example.com", "0", "--reference", "x", code=2)
    assert json.loads(call("show", "ann@example.com", "--json"))["available_micros"] == BONUS + 700


def test_a_grant_needs_a_reference(call: Call, house: None) -> None:
    assert "reference" in call("grant", "ann@example.com", "700", code=2)


def test_a_note_is_what_the_user_reads_and_a_refund_needs_a_charge(call: Call, house: None) -> None:
    assert json.loads(call("grant", "ann@example.com", "7", "--reference", "r", "--note", "Hello", "--json"))["explanation"] == "Hello"
    assert "printable" in call("grant", "ann@example.com", "7", "--reference", "r2", "--note", "a\nb", code=2)
    nothing = str(new_id())
    assert "charged nothing" in call("refund", "ann@example.com", "--turn", nothing, "--reference", "t", code=1)
    assert "charged nothing" in call("refund", "ann@example.com", "--entry", nothing, "--reference", "t", code=1)
    assert "--turn or by --entry" in call("refund", "ann@example.com", "--reference", "t", code=2)


def test_a_charge_is_refunded(call: Call, house: None, database_settings: DatabaseSettings, root_settings: RootSettings) -> None:
    turn_id = new_id()

    async def charge() -> None:
        async with open_database(database_settings, root_settings, SystemClock()) as db:
            wallet, directory = House(db).wallet, AccountDirectory(registry_of(Events(db, Jobs())))

            def spend(tx: Transaction) -> None:
                wallet.hold(tx, directory.get_by_email(tx, "ann@example.com").id, 100, turn_id=turn_id)
                wallet.settle(tx, turn_id=turn_id, cost_micros=100, explanation="words")

            await db.write(spend)

    asyncio.run(charge())
    for is_new in (True, False):
        entry = json.loads(call("refund", "ann@example.com", "--turn", str(turn_id), "--amount-micros", "40", "--reference", "ticket 1", "--json"))
        assert (entry["amount_micros"], entry["balance_micros"], entry["is_new"]) == (40, BONUS - 60, is_new)
    assert "60 can still be refunded" in call("refund", "ann@example.com", "--turn", str(turn_id), "--amount-micros", "61", "--reference", "t2", code=1)
    assert call("verify") == "Every wallet is what its ledger says.\n"


def test_vouchers_are_made_listed_and_revoked(call: Call, house: None) -> None:
    made = json.loads(call("vouchers", "create", "500", "--max-uses", "3", "--expires-at", "2100-01-01", "--note", "Spring", "--json"))
    assert (len(made["code"]), made["amount_micros"], made["max_uses"], made["expires_at"]) == (19, 500, 3, "2100-01-01T00:00:00Z")
    chosen = json.loads(call("vouchers", "create", "5", "--code", "Spring-2027", "--json"))
    assert "There is a voucher with this code" in call("vouchers", "create", "5", "--code", "spring2027", code=1)
    assert "is no time" in call("vouchers", "create", "5", "--expires-at", "tomorrow", code=2)
    assert "between 1 and" in call("vouchers", "create", "0", code=2)
    revoked = json.loads(call("vouchers", "revoke", chosen["id"], "--json"))
    assert revoked["revoked_at"]
    assert "no such voucher" in call("vouchers", "revoke", str(new_id()), code=1)
    listed = json.loads(call("vouchers", "list", "--page-size", "1", "--json"))
    assert [(each["id"], each["revoked_at"] is None) for each in listed] == [(chosen["id"], False), (made["id"], True)]
    assert "code" not in listed[0]
    assert made["code"] not in call("vouchers", "list")


def test_verify_is_content_with_books_that_agree(call: Call, house: None) -> None:
    assert call("verify") == "Every wallet is what its ledger says.\n"
    assert json.loads(call("verify", "--json")) == {"ok": True, "differences": [], "rows": 3}, "a transaction, its entry and a wallet"


def test_verify_names_the_first_difference_and_fails(call: Call, house: None, database_settings: DatabaseSettings, root_settings: RootSettings) -> None:
    async def spoil() -> None:
        steal = statement(text("UPDATE wallets SET available_micros = available_micros + 1"))
        async with open_database(database_settings, root_settings, SystemClock()) as db:
            await db.write(lambda tx: tx.run(steal))

    asyncio.run(spoil())
    complaint = call("verify", code=1)
    assert complaint.startswith("INV-M2: wallet ")
    assert f"{BONUS + 1} available" in complaint
    report = json.loads(call("verify", "--json", code=1))
    (difference,) = report["differences"]
    assert (report["ok"], difference["code"], difference["expected"], difference["found"]) == (False, "INV-M2", BONUS, BONUS + 1)
    assert difference["account_id"] in difference["sentence"]


def test_a_long_ledger_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_rows=10)
    for rows in (9, 0, 1, 25, 4):
        progress.add(rows)
    assert capsys.readouterr() == ("", "10 rows agree so far\n35 rows agree so far\n")
    assert progress.rows == 39
