"""Signing in with Google by an ID token: whose account it opens, and which tokens open none (SEC-37, SEC-41, BAD-54)."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from dishka import AsyncContainer
from joserfc import jwk

from parlor.accounts import Administration, AuthSettings, Session, SignIns
from parlor.accounts.errors import InvalidCredentials, InvalidRefreshToken
from parlor.accounts.user_data import AccountsUserData
from parlor.core.db import Database
from parlor.core.events import Event
from parlor.core.limits import LimitSettings
from tests.accounts.conftest import PASSWORD, Build, Register, bearer, make_client
from tests.accounts.openid import count_accounts, identities, sign_in, verify_email, with_google
from tests.support.openid import CLIENT_ID, OpenIdServer, ec_key, rsa_key, run_openid_server, signed

pytestmark = pytest.mark.either_engine


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdServer]:
    with run_openid_server() as server:
        yield server


@pytest.fixture
def google(running: OpenIdServer) -> OpenIdServer:
    fresh = OpenIdServer(running.port)
    running.person, running.keys, running.asked = fresh.person, fresh.keys, fresh.asked
    running.heal()
    return running


@pytest.fixture
def container(build: Build, auth_settings: AuthSettings, google: OpenIdServer) -> AsyncContainer:
    return build(with_google(auth_settings, google, other_client_ids=["android.example.com"]))


@pytest.fixture
async def client(container: AsyncContainer) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(container) as client:
        yield client


async def test_the_first_time_makes_an_account_and_the_next_opens_it(
    client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer, told: list[Event]
) -> None:
    first = await sign_in(client, google.token())
    assert set(first) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    user = first["user"]
    assert (user["email"], user["email_verified"], user["display_name"], user["role"]) == ("ann@example.com", True, "Ann", "user")
    again = await sign_in(client, google.token())
    assert again["user"] == user
    assert await count_accounts(container) == 1
    assert [each.name for each in told].count("user.registered") == 1
    me = await client.get("/auth/me", headers={"Authorization": f"Bearer {again['access_token']}"})
    assert me.json()["id"] == user["id"]


async def test_a_changed_address_stays_the_same_account(
    client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer, register: Register
) -> None:
    user = (await sign_in(client, google.token()))["user"]
    await register("new@example.com")
    after = (await sign_in(client, google.token(email="new@example.com", name="Another")))["user"]
    assert (after["id"], after["email"], after["display_name"]) == (user["id"], "ann@example.com", "Ann")
    assert [each.email for each in await identities(container)] == ["new@example.com"]


async def test_another_subject_with_the_same_address_is_that_of_the_verified_owner(client: httpx2.AsyncClient, google: OpenIdServer) -> None:
    """Google gave the address to somebody else: it says so, as its owner."""
    user = (await sign_in(client, google.token()))["user"]
    other = (await sign_in(client, google.token(sub="2002")))["user"]
    assert other["id"] == user["id"]


async def test_a_verified_account_is_linked_and_keeps_its_password(
    client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer, register: Register, told: list[Event]
) -> None:
    session = await register()
    await (await container.get(Database)).write(lambda tx: verify_email(tx, session.account.id))
    assert (await sign_in(client, google.token(email="Ann@Example.com")))["user"]["id"] == str(session.account.id)
    assert (await client.get("/auth/me", headers=bearer(session))).status_code == 200
    await (await container.get(SignIns)).login("ann@example.com", PASSWORD)
    assert [each.body() for each in told if each.name == "user.identity_linked"] == [{"issuer": google.issuer, "took_over": False}]


async def test_who_registered_an_address_that_is_not_theirs_loses_all_ways_in(
    client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer, register: Register, told: list[Event]
) -> None:
    """SEC-41: somebody makes an account with another's address and waits for the owner."""
    squatter = await register()
    user = (await sign_in(client, google.token()))["user"]
    assert (user["id"], user["email_verified"]) == (str(squatter.account.id), True)
    sign_ins = await container.get(SignIns)
    with pytest.raises(InvalidCredentials):
        await sign_ins.login("ann@example.com", PASSWORD)
    with pytest.raises(InvalidRefreshToken):
        await sign_ins.refresh(squatter.refresh_token)
    assert (await client.get("/auth/me", headers=bearer(squatter))).status_code == 401
    assert [each.body()["took_over"] for each in told if each.name == "user.identity_linked"] == [True]


async def test_who_took_an_unverified_address_elsewhere_first_loses_it_to_the_owner(
    client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer
) -> None:
    waiting = (await sign_in(client, google.token(sub="666", email_verified=False)))["user"]
    assert (waiting["email"], waiting["email_verified"]) == ("ann@example.com", False)
    owner = (await sign_in(client, google.token()))["user"]
    assert (owner["id"], owner["email_verified"]) == (waiting["id"], True)
    assert [each.subject for each in await identities(container)] == ["1001"]
    afterwards = (await sign_in(client, google.token(sub="666", email_verified=False)))["user"]
    assert (afterwards["id"] != owner["id"], afterwards["email"]) == (True, None)


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_the_provider_did_not_verify_opens_nobodys_account(
    client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer, register: Register, verified: Any
) -> None:
    session = await register()
    await (await container.get(Database)).write(lambda tx: verify_email(tx, session.account.id))
    user = (await sign_in(client, google.token(email_verified=verified)))["user"]
    assert (user["id"] != str(session.account.id), user["email"], user["email_verified"]) == (True, None, False)


async def test_an_unverified_administrator_is_nobodys_to_take(client: httpx2.AsyncClient, google: OpenIdServer, administrator: Session) -> None:
    refused = await sign_in(client, google.token(email="root@example.com"), 409)
    assert refused["code"] == "auth.link_refused"
    assert (await client.get("/auth/me", headers=bearer(administrator))).status_code == 200


async def test_a_suspended_account_stays_out(client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer) -> None:
    user = (await sign_in(client, google.token()))["user"]
    await (await container.get(Administration)).change(UUID(user["id"]), status="suspended")
    assert (await sign_in(client, google.token(), 403))["code"] == "auth.suspended"
    assert (await sign_in(client, google.token(sub="2"), 403))["code"] == "auth.suspended"


async def test_an_erased_account_is_not_found_again(client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer) -> None:
    user = (await sign_in(client, google.token()))["user"]
    erasure = await container.get(AccountsUserData)
    for _ in range(2):
        await erasure.erase(UUID(user["id"]))
    left = await identities(container)
    assert len(left) == 1
    assert "1001" not in left[0].subject
    assert left[0].email is None
    new = (await sign_in(client, google.token()))["user"]
    assert new["id"] != user["id"]
    await erasure.erase(UUID(new["id"]))
    assert (await sign_in(client, google.token()))["user"]["id"] not in (user["id"], new["id"])


async def test_twenty_first_sign_ins_at_once_make_one_account(
    client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer, told: list[Event]
) -> None:
    token = google.token()
    sessions = await asyncio.gather(*(sign_in(client, token) for _ in range(20)))
    assert len({each["user"]["id"] for each in sessions}) == 1
    assert await count_accounts(container) == 1
    assert len(await identities(container)) == 1
    assert google.count("/jwks") == 1


async def test_sign_ups_and_first_sign_ins_with_one_address_at_once_make_one_account(
    client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer
) -> None:
    token = google.token()
    body = {"email": "ann@example.com", "password": PASSWORD}
    tries = [client.post("/auth/register", json=body) if at % 2 else client.post("/auth/google", json={"id_token": token}) for at in range(12)]
    statuses = {answer.status_code for answer in await asyncio.gather(*tries)}
    assert statuses <= {200, 201, 409}
    assert 200 in statuses
    assert await count_accounts(container) == 1


async def test_an_app_may_sign_somebody_in_for_its_server(client: httpx2.AsyncClient, google: OpenIdServer) -> None:
    await sign_in(client, google.token(azp="android.example.com"))
    await sign_in(client, google.token(aud="android.example.com", azp=None))


async def test_texts_that_no_person_could_enter_are_left_out(client: httpx2.AsyncClient, google: OpenIdServer) -> None:
    user = (await sign_in(client, google.token(email="not an address", name="two\nlines")))["user"]
    assert (user["email"], user["email_verified"], user["display_name"]) == (None, False, None)


Forge = Callable[[OpenIdServer], str]


def changed(**claims: Any) -> Forge:
    return lambda google: google.token(**claims)


def headed(**header: Any) -> Forge:
    def forge(google: OpenIdServer) -> str:
        google.trouble.header = header
        return google.token()

    return forge


def with_public_key_as_secret(google: OpenIdServer) -> str:
    return signed({"alg": "HS256", "kid": "first"}, google.claims(), rsa_key().as_pem(private=False))


def signed_by_another(google: OpenIdServer) -> str:
    other = jwk.RSAKey.generate_key(2048, {"kid": "first"})
    return signed({"alg": "RS256", "kid": "first"}, google.claims(), other)


def with_a_key_of_its_own(google: OpenIdServer) -> str:
    key = ec_key("own")
    return signed({"alg": "ES256", "kid": "own", "jwk": key.as_dict(private=False)}, google.claims(), key)


def with_another_algorithm_than_the_key(google: OpenIdServer) -> str:
    return signed({"alg": "RS512", "kid": "first"}, google.claims(), rsa_key())


def _with_payload(payload: str) -> Forge:
    return lambda google: signed({"alg": "RS256", "kid": "first"}, payload, rsa_key())


def swapped(google: OpenIdServer) -> str:
    head, _, signature = google.token().split(".")
    claims = base64.urlsafe_b64encode(json.dumps(google.claims(sub="1")).encode()).rstrip(b"=").decode()
    return f"{head}.{claims}.{signature}"


NOW = int(time.time())
FORGERIES: dict[str, Forge] = {
    "no algorithm": headed(alg="none"),
    "an algorithm that nobody named": headed(alg=None),
    "the public key as a secret": with_public_key_as_secret,
    "another's key": signed_by_another,
    "a key that it brings along": with_a_key_of_its_own,
    "an algorithm that we do not take": with_another_algorithm_than_the_key,
    "an unknown key": headed(kid="unknown"),
    "a key id that is a path": headed(kid="../../../../dev/null"),
    "a key id with SQL": headed(kid="' OR '1'='1"),
    "a critical extension": headed(crit=["exp-x"], **{"exp-x": 1}),
    "another issuer": changed(iss="https://accounts.google.com"),
    "an issuer with a slash more": lambda google: google.token(iss=google.issuer + "/"),
    "no issuer": changed(iss=None),
    "another audience": changed(aud="somebody-else.example.com"),
    "no audience": changed(aud=None),
    "an empty audience": changed(aud=[]),
    "another party": changed(azp="somebody-else.example.com"),
    "several audiences and no party": changed(aud=[CLIENT_ID, "somebody-else.example.com"], azp=None),
    "a party that is a list": changed(azp=[CLIENT_ID]),
    "it has expired": changed(exp=NOW - 120),
    "an expiry in words": changed(exp=str(NOW + 3600)),
    "no expiry": changed(exp=None),
    "it is not valid yet": changed(nbf=NOW + 3600),
    "it is from the future": changed(iat=NOW + 3600),
    "no subject": changed(sub=None),
    "an empty subject": changed(sub=""),
    "a subject that is a number": changed(sub=1001),
    "a subject that is too long": changed(sub="1" * 256),
    "a subject with NUL": changed(sub="1001\x00"),
    "claims that were changed": swapped,
    "no signature": lambda google: google.token().rpartition(".")[0] + ".",
    "half a signature": lambda google: google.token()[:-100],
    "claims that are a list": _with_payload("[]"),
    "claims that are no JSON": _with_payload("nonsense"),
    "claims that go too deep": _with_payload('{"a":' * 1200 + "1" + "}" * 1200),
    "an endless expiry": _with_payload('{"exp": Infinity}'),
    "no token": lambda _: "nonsense",
    "dots": lambda _: "..",
}


@pytest.mark.parametrize("what", FORGERIES)
async def test_a_token_that_is_not_right_opens_nothing(client: httpx2.AsyncClient, container: AsyncContainer, google: OpenIdServer, what: str) -> None:
    token = FORGERIES[what](google)
    google.heal()
    refused = await sign_in(client, token, 401)
    assert refused["code"] == "auth.invalid_id_token"
    assert await count_accounts(container) == 0
    await sign_in(client, google.token())


async def test_clocks_may_be_a_minute_apart(client: httpx2.AsyncClient, google: OpenIdServer) -> None:
    now = int(time.time())
    await sign_in(client, google.token(exp=now - 30, iat=now + 30, nbf=now + 30))


async def test_our_own_tokens_are_no_id_tokens(client: httpx2.AsyncClient, register: Register) -> None:
    session = await register()
    for each in (session.access_token, session.refresh_token):
        await sign_in(client, each, 401)


async def test_without_a_client_it_is_off(build: Build, auth_settings: AuthSettings, google: OpenIdServer) -> None:
    async with make_client(build(auth_settings)) as client:
        assert (await sign_in(client, google.token(), 404))["code"] == "auth.google_off"
        assert (await client.get("/auth/google/start")).json()["code"] == "auth.google_off"


async def test_one_address_may_try_so_often(build: Build, auth_settings: AuthSettings, google: OpenIdServer) -> None:
    """Both ways in count together, as sign-ins: /start writes a row for whoever comes."""
    container = build(with_google(auth_settings, google), LimitSettings(logins_per_address_per_minute=2))
    async with make_client(container) as client:
        await sign_in(client, google.token())
        assert (await client.get("/auth/google/start")).status_code == 302
        assert (await sign_in(client, google.token(), 429))["retry_after_seconds"] > 0
        refused = await client.get("/auth/google/start")
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
