"""SEC-36..39, BAD-43..50: what is no credential of this server opens nothing, whatever it looks like."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from parlor.core.ids import new_id
from tests.security.site import Member, Site, claims_of, problem_of, secret_key
from tests.support.chat import PASSWORD
from tests.support.server import QUICK

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.either_engine]

KEY = secret_key().derive("access tokens")


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: Any, claims: Any, key: bytes = KEY, digest: str = "sha256") -> str:
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(hmac.digest(key, signed.encode(), digest))}"


def attacks(member: Member, admin: Member) -> dict[str, str]:
    """Tokens that must not work. What is signed with the right key shows that the claim, and not the signature, is what is looked at."""
    header, claims = {"alg": "HS256", "typ": "JWT"}, claims_of(member.access_token)
    head, body, signature = member.access_token.split(".")
    public = b"-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----\n"
    now = claims["iat"]
    unsigned = {f"alg {name}": f"{part({'alg': name})}.{body}." for name in ("none", "None", "NONE", "nOnE", "")}
    algorithms = {f"{name} with our key": forged({"alg": name}, claims, digest=digest) for name, digest in (("HS384", "sha384"), ("HS512", "sha512"))}
    keys = {
        "the secret itself as key": forged(header, claims, QUICK["PARLOR_AUTH__SECRET_KEY"].encode()),
        "its hash as key": forged(header, claims, hashlib.sha256(QUICK["PARLOR_AUTH__SECRET_KEY"].encode()).digest()),
        "an empty key": forged(header, claims, b""),
        "a well-known key": forged(header, claims, b"secret"),
        "a public key as key (HS for RS)": forged({"alg": "HS256", "kid": "1"}, claims, public),
        "RS256": forged({"alg": "RS256"}, claims),
        "a key of its own in the header": forged({"alg": "HS256", "jwk": {"kty": "oct", "k": part(b"secret")}}, claims, b"secret"),
        "a key id that is a path": forged({"alg": "HS256", "kid": "../../../../dev/null"}, claims, b""),
        "a key id that is SQL": forged({"alg": "HS256", "kid": "' UNION SELECT 'secret' --"}, claims, b"secret"),
        "a key elsewhere": forged({"alg": "HS256", "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/x"}, claims, b"secret"),
    }
    changed = {
        "another account's, without signing": f"{head}.{part({**claims, 'sub': admin.id})}.{signature}",
        "more claims, without signing": f"{head}.{part({**claims, 'role': 'admin'})}.{signature}",
        "the signature cut off": f"{head}.{body}.{signature[:-6]}",
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "the signature of another token": f"{head}.{body}.{admin.access_token.split('.')[2]}",
        "twice": f"{member.access_token}.{member.access_token}",
    }
    wrong: dict[str, dict[str, Any]] = {
        "another issuer": {"iss": "other"},
        "another audience": {"aud": "other"},
        "another kind": {"typ": "refresh"},
        "expiry as text": {"exp": str(now + 900)},
        "expiry as a fraction": {"exp": now + 900.5},
        "expired": {"exp": now - 60},
        "expiry that never comes": {"exp": 1e308},
        "not yet": {"nbf": now + 600},
        "issued tomorrow": {"iat": now + 86_400},
        "the sign-in of another": {"sid": claims_of(admin.access_token)["sid"]},
        "another account's sign-in": {"sub": admin.id},
        "nobody": {"sub": str(new_id())},
        "no account at all": {"sub": "admin"},
        "a version of later": {"tv": claims["tv"] + 1},
        "a critical extension": {},
    }
    right_key = {name: forged(header if changes else {**header, "crit": ["exp"]}, {**claims, **changes}) for name, changes in wrong.items()}
    missing = {f"without {name}": forged(header, {key: value for key, value in claims.items() if key != name}) for name in claims}
    return {**unsigned, **algorithms, **keys, **changed, **right_key, **missing}


async def test_no_token_but_ours_opens_anything(site: Site) -> None:
    """SEC-37, BAD-45, BAD-46"""
    member = await site.sign_up()
    right = forged({"alg": "HS256", "typ": "JWT"}, claims_of(member.access_token))
    assert (await site.admin_or_nobody.get("/auth/me", headers={"Authorization": f"Bearer {right}"})).json()["id"] == member.id
    for name, token in attacks(member, site.admin).items():
        answer = await site.admin_or_nobody.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, name
        problem_of(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_tokens_that_begin_alike_are_not_taken_for_each_other(site: Site) -> None:
    """SEC-38: right after a good one was seen, which is then remembered, every token that shares its beginning is still looked at."""
    member = await site.sign_up()
    token = member.access_token
    for cut in (20, 100, len(token) // 2, len(token) - 1):
        assert (await site.admin_or_nobody.get("/auth/me", headers={"Authorization": f"Bearer {token}"})).status_code == 200
        other = token[:cut] + ("A" if token[cut] != "A" else "B") + token[cut + 1 :]
        # The last character of a signature has bits that mean nothing: the text differs and the bytes may not.
        if cut < len(token) - 1:
            problem_of(await site.admin_or_nobody.get("/auth/me", headers={"Authorization": f"Bearer {other}"}), 401)
        problem_of(await site.admin_or_nobody.get("/auth/me", headers={"Authorization": f"Bearer {token[:cut]}"}), 401)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Basic cm9vdDpyb290")],
        [("Authorization", "Bearer null")],
        [("Authorization", "Bearer undefined")],
        [("Authorization", "Token {token}")],
        [("Authorization", "{token}")],
        [("Authorization", "Bearer {token}"), ("Authorization", "Bearer {token}")],
        [("Authorization", "Bearer {token}, Bearer {token}")],
        [("Authorization", "Bearer pk_{token}")],
        [("Authorization", "Bearer {token}x")],
        [("Authorization", "Bearer 'OR'1'='1")],
        [("Authorization", b"Bearer \xff\xfe")],
        [("X-Api-Key", "{token}")],
        [("Cookie", "access_token={token}")],
        [("Authorization", "Bearer " + "x" * 5000)],
        [("Authorization", "Bearer {token} {token}")],
        [("Proxy-Authorization", "Bearer {token}")],
        [("Authorization", "Bearer ' UNION SELECT id FROM accounts --")],
        [("Authorization", "Bearer pk_' OR '1'='1")],
    ],
)
async def test_what_is_no_credential_is_401(site: Site, headers: list[tuple[str, Any]]) -> None:
    """BAD-43, BAD-44, BAD-49, SEC-09, SEC-39"""
    token = site.admin.access_token
    sent = [(name.encode(), value if isinstance(value, bytes) else value.format(token=token).encode()) for name, value in headers]
    for path in ("/auth/me", "/users", "/wallet"):
        problem_of(await site.admin_or_nobody.get(path, headers=sent), 401)


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
async def test_the_scheme_may_be_written_in_any_case(site: Site, scheme: str) -> None:
    """BAD-44"""
    assert (await site.admin_or_nobody.get("/auth/me", headers={"Authorization": f"{scheme}  {site.admin.access_token}"})).status_code == 200


async def test_a_suspension_reaches_every_way_in(site: Site) -> None:
    """SEC-09, SEC-40, BAD-47: what was open is closed at once, and no new way opens until the suspension ends."""
    member = await site.sign_up()
    assert (await member.client.get("/auth/me")).status_code == 200
    await site.change_user(member.id, status="suspended")
    nobody = site.admin_or_nobody
    problem_of(await member.client.get("/auth/me"), 401, "auth.sign_in_ended")
    problem_of(await nobody.post("/auth/refresh", json={"refresh_token": member.refresh_token}), 401, "auth.invalid_refresh_token")
    problem_of(await nobody.post("/auth/login", json={"login": member.email, "password": PASSWORD}), 403, "auth.suspended")
    problem_of(await nobody.post("/auth/login", json={"login": member.email, "password": "not the one"}), 401, "auth.invalid_credentials")
    assert (await nobody.post("/auth/logout", json={"refresh_token": member.refresh_token})).status_code == 204
    fresh = site.signed(member)
    problem_of(await nobody.get("/auth/me", headers={"Authorization": f"Bearer {fresh}"}), 401, "auth.sign_in_ended")
    await site.change_user(member.id, status="active")
    problem_of(await member.client.get("/auth/me"), 401, "auth.sign_in_ended")
    assert (await (await site.sign_in(member.email)).client.get("/auth/me")).status_code == 200


async def test_logging_out_ends_the_access_token_at_once(site: Site) -> None:
    """SEC-40"""
    member = await site.sign_up()
    other_device = await site.sign_in(member.email)
    assert (await site.admin_or_nobody.post("/auth/logout", json={"refresh_token": member.refresh_token})).status_code == 204
    problem_of(await member.client.get("/auth/me"), 401, "auth.sign_in_ended")
    problem_of(await site.admin_or_nobody.post("/auth/refresh", json={"refresh_token": member.refresh_token}), 401)
    assert (await other_device.client.get("/auth/me")).status_code == 200


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(site: Site) -> None:
    """BAD-46"""
    member = await site.sign_up()
    problem_of(await site.admin_or_nobody.post("/auth/refresh", json={"refresh_token": member.access_token}), 401, "auth.invalid_refresh_token")
    problem_of(await site.admin_or_nobody.get("/auth/me", headers={"Authorization": f"Bearer {member.refresh_token}"}), 401, "auth.invalid_token")


async def test_a_token_of_yesterday_is_expired_though_everything_else_is_right(site: Site) -> None:
    member = await site.sign_up()
    for age, code in ((timedelta(days=1), "auth.token_expired"), (timedelta(minutes=16), "auth.token_expired"), (timedelta(minutes=-5), "auth.invalid_token")):
        answer = await site.admin_or_nobody.get("/auth/me", headers={"Authorization": f"Bearer {site.signed(member, age=age)}"})
        problem_of(answer, 401, code)


SQL = ["' OR '1'='1", "'; DROP TABLE accounts; --", '" OR ""="', "\\'; SELECT pg_sleep(9); --", "1 AND SLEEP(9)", "%' OR 1=1 --", "$1", ":id", "{0}", "%s", "?"]


@pytest.mark.parametrize("text", SQL)
async def test_sql_is_text_wherever_it_is_sent(site: Site, text: str) -> None:
    """SEC-39, BAD-28: in every header, query and path it is what it says, or refused as what it is not."""
    scene = await site.scene()
    client, nobody = scene.owner.client, site.admin_or_nobody
    before = await scene.seen()
    problem_of(await nobody.post("/auth/login", json={"login": text, "password": text}), 401, "auth.invalid_credentials")
    problem_of(await nobody.post("/auth/login", json={"login": f"{text}@example.com", "password": text}), 401, "auth.invalid_credentials")
    problem_of(await nobody.post("/auth/refresh", json={"refresh_token": text}), 401)
    for path in ("/sessions/{}", "/turns/{}", "/turns/{}/events", "/sessions/{}/messages"):
        problem_of(await client.get(path.format(text.replace("?", "%3F").replace("/", "%2F"))), 422, "request.invalid")
    problem_of(await client.get("/sessions", params={"cursor": text}), 400, "request.bad_cursor")
    problem_of(await client.get("/sessions", params={"limit": text}), 422)
    problem_of(await client.get(f"/turns/{scene.turn_id}/events", headers={"Last-Event-ID": text}), 400, "chat.bad_event_id")
    for path, query in (("/sessions", {"category": text}), ("/sessions", {"q": text})):
        assert (await client.get(path, params=query)).json() == {"items": [], "next_cursor": None}, path
    assert (await client.get("/search", params={"q": text})).status_code == 200
    for name in ("Idempotency-Key", "X-Request-ID", "User-Agent", "X-Forwarded-For", "Referer", "Accept-Language"):
        assert (await client.get("/auth/me", headers={name: text})).status_code == 200
    assert await scene.seen() == before
