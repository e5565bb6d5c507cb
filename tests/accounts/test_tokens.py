"""Access tokens that are not quite ours."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from parlor.accounts import AuthSettings
from parlor.accounts.errors import InvalidToken, TokenExpired
from parlor.accounts.tokens import LEEWAY_SECONDS, AccessTokens
from parlor.core.crypto import SecretKey
from parlor.core.ids import new_id
from parlor.testing import ManualClock

KEY = SecretKey(b"k" * 32)
SIGNING_KEY = KEY.derive("access tokens")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def tokens(clock: ManualClock) -> AccessTokens:
    return AccessTokens(AuthSettings(secret_key=SecretStr("x")), KEY, clock)


def claims(**changes: Any) -> dict[str, Any]:
    rights = {"iss": "parlor", "aud": "parlor", "typ": "access", "sub": str(new_id()), "sid": str(new_id()), "tv": 1, "iat": SECONDS, "exp": SECONDS + 900}
    return {name: value for name, value in {**rights, **changes}.items() if value is not ...}


def test_a_token_says_what_was_put_into_it(tokens: AccessTokens) -> None:
    account_id, sign_in_id = new_id(), new_id()
    found = tokens.verify(tokens.issue(account_id, sign_in_id, 7))
    assert (found.account_id, found.sign_in_id, found.token_version, found.expires_at) == (account_id, sign_in_id, 7, SECONDS + 900)


def test_a_token_is_what_the_library_would_have_made(tokens: AccessTokens) -> None:
    text = tokens.issue(new_id(), new_id(), 7)
    said = jwt.decode(text, SIGNING_KEY, algorithms=["HS256"], audience="parlor", issuer="parlor", options={"verify_exp": False, "verify_iat": False})
    assert jwt.encode(said, SIGNING_KEY, algorithm="HS256") == text


def test_a_token_expires(tokens: AccessTokens, clock: ManualClock) -> None:
    text = tokens.issue(new_id(), new_id(), 1)
    clock.advance(900 + LEEWAY_SECONDS - 1)
    tokens.verify(text)
    clock.advance(1)
    with pytest.raises(TokenExpired):
        tokens.verify(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"}, {"aud": "other"}, {"aud": ["other"]}, {"typ": "refresh"}, {"typ": "setup"}, {"exp": str(SECONDS + 900)}, {"exp": SECONDS + 900.5},
        {"exp": True}, {"iat": SECONDS + 61}, {"iat": str(SECONDS)}, {"nbf": SECONDS + 61}, {"nbf": "x"}, {"sub": "root"}, {"sub": 1}, {"sid": "' OR '1'='1"},
        {"tv": "1"}, {"tv": True}, {"tv": None}, *({name: ...} for name in ("iss", "aud", "typ", "sub", "sid", "tv", "iat", "exp")),
    ],
)  # fmt: skip
def test_a_signed_token_with_a_wrong_claim_is_refused(tokens: AccessTokens, changes: dict[str, Any]) -> None:
    text = jwt.encode(claims(**changes), SIGNING_KEY, algorithm="HS256") if changes != {"sub": 1} else _signed_by_hand(claims(**changes))
    with pytest.raises(InvalidToken):
        tokens.verify(text)


def test_the_same_token_with_right_claims_is_accepted(tokens: AccessTokens) -> None:
    tokens.verify(jwt.encode(claims(), SIGNING_KEY, algorithm="HS256"))
    tokens.verify(_signed_by_hand(claims()))


def test_other_keys_and_algorithms_are_refused(tokens: AccessTokens) -> None:
    right = tokens.issue(new_id(), new_id(), 1)
    head, body, signature = right.split(".")
    forged = [
        jwt.encode(claims(), None, algorithm="none"),
        jwt.encode(claims(), b"o" * 32, algorithm="HS256"),
        jwt.encode(claims(), SIGNING_KEY * 2, algorithm="HS512"),
        jwt.encode(claims(), b"o" * 32, algorithm="HS256", headers={"kid": "../../../../dev/null"}),
        f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{_encoded({'alg': 'None'})}.{body}.{signature}",
        f"{_encoded({'alg': 'RS256'})}.{body}.{signature}",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.",
        f"{head}.{_encoded(claims(sub=str(new_id())))}.{signature}",
        f"{head}.{body}",
        "..",
        "a.b.c",
        "é.é.é",
        right + "." + right,
        "x" * 5000,
    ]
    for text in forged:
        with pytest.raises(InvalidToken):
            tokens.verify(text)


def test_the_secret_itself_is_not_the_signing_key() -> None:
    clock = ManualClock(NOW)
    tokens = AccessTokens(AuthSettings(), KEY, clock)
    with pytest.raises(InvalidToken):
        tokens.verify(jwt.encode(claims(), b"k" * 32, algorithm="HS256"))


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _signed_by_hand(body: dict[str, Any]) -> str:
    """For claims that the library would not even write."""
    import hashlib
    import hmac

    text = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(body)}"
    signature = hmac.digest(SIGNING_KEY, text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
