"""Which settings of mail start, and what is said about them."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from parlor.accounts.mail.settings import MailSettings, address_of
from parlor.config import Settings, load_settings
from parlor.core.errors import Misconfigured
from parlor.core.settings import RootSettings
from parlor.module import discover

SECRET = "v7Qm2-XyR9_tLk4WcB8nZs1HdJ6fGp3uEa5o"
RELAY = {"PARLOR_AUTH__MAIL__SMTP_HOST": "relay.example.com", "PARLOR_AUTH__MAIL__FROM": "Chat <chat@example.com>"}


def load(folder: Path, environment: str = "production", **environ: str) -> Settings:
    base = {"PARLOR_ENVIRONMENT": environment, "PARLOR_AUTH__SECRET_KEY": SECRET, "PARLOR_SERVER__PUBLIC_URL": "https://chat.example.com"}
    return load_settings(discover(), base | environ, folder)


def test_every_setting_has_its_variable_and_is_explained(tmp_path: Path) -> None:
    settings = load(tmp_path, **RELAY, PARLOR_AUTH__MAIL__SMTP_USER="u", PARLOR_AUTH__MAIL__SMTP_PASSWORD="canary-pass")
    assert settings.explain("PARLOR_AUTH__MAIL__FROM").value == settings.explain("auth.mail.from").value == "Chat <chat@example.com>"
    assert "canary" not in str(settings.explain("auth.mail.smtp_password"))
    (tmp_path / "parlor.toml").write_text('[auth.mail]\nfrom = "toml@example.com"\n')
    assert load(tmp_path).explain("auth.mail.from").value == "toml@example.com"
    with pytest.raises(Misconfigured, match="PARLOR_AUTH__MAIL__SMTP_HOST"):
        load(tmp_path, PARLOR_AUTH__MAIL__SMTP_HOTS="x")


def test_production_without_a_server_starts_and_says_so_loudly(tmp_path: Path) -> None:
    said = [warning for warning in load(tmp_path).warnings if "SMTP_HOST" in warning]
    assert len(said) == 1
    assert str(tmp_path / ".parlor" / "mail") in said[0]
    assert not [warning for warning in load(tmp_path, **RELAY).warnings if "MAIL" in warning]
    assert not [warning for warning in load(tmp_path, "development").warnings if "MAIL" in warning]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"PARLOR_AUTH__MAIL__SMTP_HOST": "relay.example.com"}, "PARLOR_AUTH__MAIL__FROM"),
        ({**RELAY, "PARLOR_AUTH__MAIL__SMTP_USER": "u"}, "SMTP_PASSWORD"),
        ({**RELAY, "PARLOR_AUTH__MAIL__SMTP_PASSWORD": "canary"}, "SMTP_USER"),
        (
            {**RELAY, "PARLOR_AUTH__MAIL__SMTP_USER": "u", "PARLOR_AUTH__MAIL__SMTP_PASSWORD": "canary", "PARLOR_AUTH__MAIL__SMTP_SECURITY": "none"},
            "SMTP_SECURITY",
        ),
        ({**RELAY, "PARLOR_AUTH__MAIL__SMTP_CA_FILE": "missing.pem"}, "SMTP_CA_FILE"),
        ({**RELAY, "PARLOR_AUTH__MAIL__SMTP_SECURITY": "ssl"}, "SMTP_SECURITY"),
        ({**RELAY, "PARLOR_AUTH__MAIL__SMTP_HOST": "smtp://relay.example.com"}, "SMTP_HOST"),
        ({**RELAY, "PARLOR_AUTH__MAIL__FROM": "Chat"}, "FROM"),
    ],
)
def test_what_cannot_work_does_not_start(tmp_path: Path, changes: dict[str, str], named: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, **changes)
    assert named in caught.value.detail
    assert "canary" not in caught.value.detail


def test_development_warns_of_a_password_in_the_open() -> None:
    settings = MailSettings(smtp_host="relay.example.com", smtp_user="u", smtp_password="p", smtp_security="none", sender="a@example.com")  # type: ignore[arg-type]
    assert list(settings.refusals(RootSettings())) == []
    assert ["SMTP_SECURITY" in each for each in settings.warnings(RootSettings())] == [True]
    assert list(settings.model_copy(update={"smtp_host": "localhost"}).warnings(RootSettings())) == []


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_the_security(security: Any, port: int) -> None:
    assert MailSettings(smtp_security=security).port == port
    assert MailSettings(smtp_security=security, smtp_port=2525).port == 2525


@pytest.mark.parametrize("sender", ["chat@example.com", "Chat <chat@example.com>", '"Chat, at work" <chat@example.com>', "Büro <chat@example.com>"])
def test_a_sender_is_one_address_perhaps_with_a_name(sender: str) -> None:
    assert address_of(sender).addr_spec == "chat@example.com"


@pytest.mark.parametrize(
    "sender", ["", "Chat", "@example.com", "chat@", "a@example.com, b@example.com", "Chat <chat@example.com>\nBcc: b@example.com", "chät@example.com", "<>"]
)
def test_what_is_no_sender_is_refused(sender: str) -> None:
    with pytest.raises(ValidationError):
        MailSettings(sender=sender)


@pytest.mark.parametrize(("name", "value"), [("smtp_user", "ü"), ("smtp_password", "a\nb"), ("smtp_password", "pässword"), ("smtp_host", "a b")])
def test_what_smtp_cannot_say_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        MailSettings.model_validate({name: value})
