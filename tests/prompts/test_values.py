from datetime import UTC, datetime

from parlor.accounts import Account
from parlor.core.ids import new_id
from parlor.prompts import HISTORY, standard_values
from parlor.prompts.templates import NAMES

NOW = datetime(2026, 11, 28, 9, 5, tzinfo=UTC)


def account(display_name: str | None = None, username: str | None = None, locale: str | None = None) -> Account:
    return Account(
        new_id(), "ann@example.com", username, display_name, "user", "active", email_verified=True, preferences={}, locale=locale, avatar_url=None,
        token_version=0, created_at=NOW, updated_at=NOW,
    )  # fmt: skip


def test_every_name_but_the_history_has_a_value() -> None:
    values = standard_values(account("Ann", "ann", "de"), agent_name="waiter", agent_title="Head Waiter", now=NOW)
    assert set(values) == set(NAMES) - {HISTORY}
    assert list(values.values()) == ["Ann", "ann", "de", "waiter", "Head Waiter", "2026-11-28", "09:05 UTC", "Saturday"]


def test_what_nobody_has_said_is_empty_and_never_the_address() -> None:
    values = standard_values(account(), agent_name="waiter", agent_title="", now=NOW)
    assert (values["user.display_name"], values["user.username"], values["user.locale"], values["agent.title"]) == ("", "", "", "waiter")
    assert "ann@example.com" not in values.values()
    assert standard_values(account(username="ann"), agent_name="waiter", agent_title="", now=NOW)["user.display_name"] == "ann"
