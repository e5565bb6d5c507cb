"""Tokens of trusted issuers as credentials, in the shape of Supabase's (SEC-37, SEC-41)."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from dishka import AsyncContainer

from parlor.accounts import Administration, Authenticator, AuthSettings, Session
from parlor.accounts.user_data import AccountsUserData
from parlor.core.db import Database
from parlor.core.events import Event
from tests.accounts.conftest import Build, Register, bearer, make_client
from tests.accounts.openid import count_accounts, verify_email, with_google, with_issuer
from tests.support.openid import OpenIdServer, rsa_key, run_openid_server, signed

pytestmark = pytest.mark.either_engine

CLAIMS = {"role": "authenticated", "is_anonymous": False}


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdServer]:
    with run_openid_server() as server:
        yield server


@pytest.fixture
def supabase(running: OpenIdServer) -> OpenIdServer:
    fresh = OpenIdServer(running.port)
    running.person, running.keys, running.asked = fresh.person, fresh.keys, fresh.asked
    running.heal()
    running.rotate()
    return running


@pytest.fixture
def container(build: Build, auth_settings: AuthSettings, supabase: OpenIdServer) -> AsyncContainer:
    settings = with_issuer(auth_settings, supabase, jwks_url=f"{supabase.issuer}/jwks", claims=CLAIMS)
    return build(with_google(settings, supabase))


@pytest.fixture
async def client(container: AsyncContainer) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(container) as client:
        yield client


def token(supabase: OpenIdServer, **more: Any) -> str:
    """As Supabase's auth server signs it for a browser."""
    now = int(time.time())
    shape = {
        "aud": "authenticated", "azp": None, "role": "authenticated", "is_anonymous": False, "aal": "aal1", "session_id": "b0f1c2d3",
        "amr": [{"method": "password", "timestamp": now}], "app_metadata": {"provider": "email", "role": "admin"}, "phone": "",
        "user_metadata": {"email": "ann@example.com", "email_verified": True, "role": "admin"}, "email_verified": None, "name": None,
    }  # fmt: skip
    return supabase.token(**{**shape, **more})


async def me(client: httpx2.AsyncClient, credential: str, status: int = 200, code: str | None = None) -> Any:
    answer = await client.get("/auth/me", headers={"Authorization": f"Bearer {credential}"})
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code
    return answer.json()


async def test_the_first_use_makes_the_account(client: httpx2.AsyncClient, container: AsyncContainer, supabase: OpenIdServer, told: list[Event]) -> None:
    user = await me(client, token(supabase))
    assert (user["email"], user["email_verified"], user["role"]) == ("ann@example.com", False, "user")
    assert (await me(client, token(supabase)))["id"] == user["id"]
    assert [each.name for each in told] == ["user.registered"]
    caller = await (await container.get(Authenticator)).resolve(token(supabase))
    assert (caller.credential, caller.sign_in_id) == ("issuer", None)
    assert supabase.asked == ["/jwks"]


async def test_twenty_first_uses_at_once_make_one_account(client: httpx2.AsyncClient, container: AsyncContainer, supabase: OpenIdServer) -> None:
    users = await asyncio.gather(*(me(client, token(supabase, session_id=str(at))) for at in range(20)))
    assert len({each["id"] for each in users}) == 1
    assert await count_accounts(container) == 1


async def test_the_role_is_ours_to_give(client: httpx2.AsyncClient, container: AsyncContainer, supabase: OpenIdServer) -> None:
    user = await me(client, token(supabase))
    assert (await client.get("/users", headers={"Authorization": f"Bearer {token(supabase)}"})).status_code == 403
    await (await container.get(Administration)).change(UUID(user["id"]), role="admin")
    assert (await client.get("/users", headers={"Authorization": f"Bearer {token(supabase)}"})).status_code == 200


async def test_its_word_on_the_address_is_not_taken(client: httpx2.AsyncClient, container: AsyncContainer, supabase: OpenIdServer, register: Register) -> None:
    session = await register()
    await (await container.get(Database)).write(lambda tx: verify_email(tx, session.account.id))
    user = await me(client, token(supabase, email_verified=True))
    assert (user["id"] != str(session.account.id), user["email"]) == (True, None)


async def test_its_word_on_the_address_is_taken_where_the_operator_says_so(
    build: Build, auth_settings: AuthSettings, supabase: OpenIdServer, container: AsyncContainer, register: Register
) -> None:
    session = await register()
    await (await container.get(Database)).write(lambda tx: verify_email(tx, session.account.id))
    async with make_client(build(with_issuer(auth_settings, supabase, links_by_email=True))) as client:
        assert (await me(client, token(supabase, email_verified=True)))["id"] == str(session.account.id)
        assert supabase.asked == ["/.well-known/openid-configuration", "/jwks"]


WRONG: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "somebody-else"},
    "a role of the issuer's own": {"role": "service_role"},
    "somebody without an account there": {"is_anonymous": True},
    "a claim in another type": {"is_anonymous": 0},
    "a claim that is missing": {"role": None},
    "no subject": {"sub": None},
    "not yet": {"nbf": int(time.time()) + 600},
    "an expiry in words": {"exp": "tomorrow"},
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_token_that_is_not_for_us_is_refused(client: httpx2.AsyncClient, container: AsyncContainer, supabase: OpenIdServer, what: str) -> None:
    await me(client, token(supabase, **WRONG[what]), 401, "auth.invalid_token")
    assert await count_accounts(container) == 0


async def test_forged_ones_are_refused(client: httpx2.AsyncClient, container: AsyncContainer, supabase: OpenIdServer) -> None:
    claims = supabase.claims(aud="authenticated", **CLAIMS)
    public = supabase.keys[0].as_pem(private=False)
    forged: list[tuple[dict[str, str], Any]] = [
        ({"alg": "none"}, b""),
        ({"alg": "HS256", "kid": "second"}, public),
        ({"alg": "HS256", "kid": "second"}, b"0123456789abcdefghijklmnopqrstuvwxyz-ABCDEF"),
        ({"alg": "RS256", "kid": "first"}, rsa_key()),
        ({"alg": "RS256", "kid": "second"}, rsa_key()),
    ]
    for header, key in forged:
        await me(client, signed(header, claims, key), 401, "auth.invalid_token")
    assert await count_accounts(container) == 0


async def test_another_issuer_is_not_trusted(client: httpx2.AsyncClient, supabase: OpenIdServer) -> None:
    for issuer in ("https://another.supabase.co/auth/v1", supabase.issuer + "/", "parlor", None, 7, [supabase.issuer]):
        await me(client, token(supabase, iss=issuer), 401, "auth.invalid_token")


async def test_an_expired_one_says_so(client: httpx2.AsyncClient, supabase: OpenIdServer) -> None:
    await me(client, token(supabase, exp=int(time.time()) - 61), 401, "auth.token_expired")


async def test_our_own_tokens_work_beside_them(client: httpx2.AsyncClient, register: Register) -> None:
    session: Session = await register()
    assert (await client.get("/auth/me", headers=bearer(session))).status_code == 200


async def test_a_suspended_account_stays_out(client: httpx2.AsyncClient, container: AsyncContainer, supabase: OpenIdServer) -> None:
    credential = token(supabase)
    user = await me(client, credential)
    await (await container.get(Administration)).change(UUID(user["id"]), status="suspended")
    await me(client, credential, 403, "auth.suspended")
    await me(client, token(supabase, session_id="another"), 403, "auth.suspended")


async def test_an_erased_account_is_not_made_anew_by_a_token_from_before(client: httpx2.AsyncClient, container: AsyncContainer, supabase: OpenIdServer) -> None:
    now = int(time.time())
    before, other = token(supabase, iat=now - 5), token(supabase, iat=now - 5, session_id="another")
    user = await me(client, before)
    await (await container.get(AccountsUserData)).erase(UUID(user["id"]))
    await me(client, before, 401, "auth.sign_in_ended")
    await me(client, other, 401, "auth.sign_in_ended")
    await me(client, token(supabase, iat=now + 30, auth_time=now - 5), 401, "auth.sign_in_ended")
    assert await count_accounts(container) == 0
    assert (await me(client, token(supabase, iat=now + 30)))["id"] != user["id"]


async def test_who_loses_the_account_to_the_owner_of_the_address_loses_it_with_a_token_that_is_remembered(
    build: Build, auth_settings: AuthSettings, client: httpx2.AsyncClient, supabase: OpenIdServer
) -> None:
    """On another replica, which nobody tells of it."""
    credential = token(supabase)
    settings = with_issuer(auth_settings, supabase, claims=CLAIMS)
    async with make_client(build(settings)) as replica:
        squatter = await me(replica, credential)
        owner = await client.post("/auth/google", json={"id_token": supabase.token(sub="the owner at google")})
        assert (owner.status_code, owner.json()["user"]["id"]) == (200, squatter["id"])
        assert (await me(replica, credential))["id"] != squatter["id"]


async def test_a_password_change_elsewhere_keeps_the_issuers_tokens(client: httpx2.AsyncClient, container: AsyncContainer, supabase: OpenIdServer) -> None:
    """What ends our own tokens makes us look again whose this one is: theirs still."""
    credential = token(supabase)
    user = await me(client, credential)
    await (await container.get(Administration)).change(UUID(user["id"]), role="admin")
    assert (await me(client, credential))["role"] == "admin"
