"""What must not start."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from parlor.accounts import AuthSettings
from parlor.core.settings import RootSettings


def _refusals(secret: str | None, environment: str, **more: int) -> list[str]:
    settings = AuthSettings(secret_key=None if secret is None else SecretStr(secret), **more)
    return list(settings.refusals(RootSettings(environment=environment, data_dir=Path("x"))))  # type: ignore[arg-type]


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize("secret", [None, "", "   ", "short", "x" * 64, "changeme-changeme-changeme-changeme-1", "your-secret-key-goes-here-0123456789"])
def test_outside_development_a_weak_secret_does_not_start(secret: str | None, environment: str) -> None:
    (refusal,) = _refusals(secret, environment)
    assert "PARLOR_AUTH__SECRET_KEY" in refusal
    assert "secrets.token_urlsafe" in refusal
    assert not (secret or "").strip() or (secret or "") not in refusal


def test_development_starts_with_anything_and_production_with_a_strong_one() -> None:
    assert _refusals(None, "development") == _refusals("short", "development") == []
    assert _refusals("v7Qm2-XyR9_tLk4WcB8nZs1HdJ6fGp3uEa5o", "production") == []


def test_a_hash_needs_memory_for_its_lanes() -> None:
    assert "ARGON2" in _refusals(None, "development", argon2_memory_kib=8, argon2_parallelism=4)[0]


@pytest.mark.parametrize(
    "wrong", [{"jwt_algorithm": "none"}, {"jwt_algorithm": "RS256"}, {"standing_cache_seconds": 6}, {"password_min_length": 4}, {"unknown": 1}]
)
def test_settings_that_would_weaken_sign_in_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AuthSettings.model_validate(wrong)
