"""How a credential becomes a caller, and how fast a change of the account counts."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from dishka import AsyncContainer

from parlor.accounts import ALL_SCOPES, Administration, Authenticator, AuthSettings, Caller, Identity, SignIns
from parlor.accounts.authenticator import AccessTokenKind
from parlor.accounts.errors import AccountSuspended, AdministratorsOnly, InvalidToken, KeyNotAllowed, ScopeMissing, SignInEnded, TokenExpired
from parlor.accounts.tokens import LEEWAY_SECONDS, AccessTokens
from parlor.core.clock import Clock
from parlor.core.crypto import SecretKey
from parlor.core.db import Database, Transaction
from parlor.core.errors import Unauthenticated
from parlor.testing import ManualClock
from tests.accounts.conftest import Register


@pytest.fixture
def clock() -> Clock:
    return ManualClock()


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class KeyKind:
    """A second kind of credential, as API keys will be one."""

    account_id: UUID

    def recognises(self, text: str) -> bool:
        return text.startswith("pk_")

    async def identify(self, text: str) -> Identity:
        if text != "pk_" + "k" * 100 + "right":
            raise InvalidToken
        return Identity("api_key", self.account_id, frozenset({"read"}))


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
async def replica(db: Database, clock: ManualClock, container: AsyncContainer, seconds: Seconds) -> Authenticator:
    """Another process: nobody tells it of changes."""
    tokens = await container.get(AccessTokens)
    return Authenticator(db, AuthSettings(standing_cache_seconds=5), clock, [AccessTokenKind(tokens)], seconds)


async def test_a_caller_is_an_account_with_role_and_device(replica: Authenticator, register: Register) -> None:
    session = await register()
    caller = await replica.resolve(session.access_token)
    assert (caller.account_id, caller.role, caller.credential, caller.scopes) == (session.account.id, "user", "access_token", ALL_SCOPES)
    assert caller.sign_in_id is not None
    assert await replica.resolve(session.access_token) is caller


@pytest.mark.parametrize("credential", [None, "", "x" * 5000, "not a token", "pk_x", "\ud800.x.y"])
async def test_what_is_no_credential_is_nobody(replica: Authenticator, credential: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await replica.resolve(credential)


async def test_a_suspension_counts_on_every_replica_within_five_seconds(
    replica: Authenticator, register: Register, seconds: Seconds, container: AsyncContainer
) -> None:
    session = await register()
    await replica.resolve(session.access_token)
    await (await container.get(Administration)).change(session.account.id, status="suspended")
    seconds.now = 4.9
    await replica.resolve(session.access_token)
    seconds.now = 5.0
    with pytest.raises(SignInEnded):
        await replica.resolve(session.access_token)


async def test_a_logout_counts_on_every_replica_within_five_seconds_and_here_at_once(
    replica: Authenticator, register: Register, seconds: Seconds, container: AsyncContainer, db: Database, clock: ManualClock
) -> None:
    session = await register()
    here = await container.get(Authenticator)
    for each in (replica, here):
        await each.resolve(session.access_token)
    await (await container.get(SignIns)).logout(session.refresh_token)
    with pytest.raises(SignInEnded):
        await here.resolve(session.access_token)
    seconds.now = 5.0
    with pytest.raises(SignInEnded):
        await replica.resolve(session.access_token)


async def test_a_remembered_token_still_expires(replica: Authenticator, register: Register, clock: ManualClock, container: AsyncContainer) -> None:
    tokens = await container.get(AccessTokens)
    session = await register()
    sign_in_id = tokens.verify(session.access_token).sign_in_id if await replica.resolve(session.access_token) else None
    assert sign_in_id is not None
    clock.advance(900 + LEEWAY_SECONDS)
    with pytest.raises(TokenExpired):
        await replica.resolve(session.access_token)


async def test_a_token_of_another_version_or_account_is_refused(replica: Authenticator, register: Register, container: AsyncContainer) -> None:
    tokens = await container.get(AccessTokens)
    ann, bob = await register(), await register("bob@example.com")
    anns, bobs = tokens.verify(ann.access_token), tokens.verify(bob.access_token)
    for text in (
        tokens.issue(anns.account_id, anns.sign_in_id, anns.token_version + 1),
        tokens.issue(anns.account_id, bobs.sign_in_id, anns.token_version),
        tokens.issue(anns.sign_in_id, anns.sign_in_id, 1),
    ):
        with pytest.raises(SignInEnded):
            await replica.resolve(text)


async def test_every_kind_of_credential_meets_the_same_checks(
    db: Database, clock: ManualClock, register: Register, container: AsyncContainer, seconds: Seconds
) -> None:
    account_id = (await register()).account.id
    authenticator = Authenticator(db, AuthSettings(), clock, [AccessTokenKind(await container.get(AccessTokens)), KeyKind(account_id)], seconds)
    key = "pk_" + "k" * 100
    caller = await authenticator.resolve(key + "right")
    assert (caller.credential, caller.scopes, caller.sign_in_id) == ("api_key", {"read"}, None)
    with pytest.raises(InvalidToken):  # the first hundred characters alike are not the same key
        await authenticator.resolve(key + "wrong")
    await (await container.get(Administration)).change(account_id, status="suspended")
    seconds.now = 5.0
    with pytest.raises(AccountSuspended):
        await authenticator.resolve(key + "right")


class Held:
    """The database, which hands a read out only when it is let go."""

    is_postgres = False

    def __init__(self, db: Database) -> None:
        self._db = db
        self.has_read, self.go_on = asyncio.Event(), asyncio.Event()

    async def read(self, fn: Callable[[Transaction], Any], /, *, snapshot: bool = False) -> Any:
        result = await self._db.read(fn, snapshot=snapshot)
        self.has_read.set()
        await self.go_on.wait()
        return result

    async def write(self, fn: Callable[[Transaction], Any], /, *, bulk: bool = False) -> Any:
        return await self._db.write(fn, bulk=bulk)

    async def scrub(self, tables: Collection[str]) -> None: ...

    async def close(self) -> None: ...


async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    db: Database, clock: ManualClock, register: Register, container: AsyncContainer, seconds: Seconds
) -> None:
    session, held = await register(), Held(db)
    here = Authenticator(held, AuthSettings(), clock, [AccessTokenKind(await container.get(AccessTokens))], seconds)
    asked = asyncio.create_task(here.resolve(session.access_token))
    await held.has_read.wait()
    await (await container.get(SignIns)).logout(session.refresh_token)
    here.forget(session.account.id)
    held.go_on.set()
    await asked
    with pytest.raises(SignInEnded):
        await here.resolve(session.access_token)


async def test_memory_is_bounded(db: Database, clock: ManualClock, register: Register, container: AsyncContainer) -> None:
    tokens = await container.get(AccessTokens)
    session = await register()
    claims = tokens.verify(session.access_token)
    authenticator = Authenticator(db, AuthSettings(), clock, [AccessTokenKind(tokens)], most_remembered=3)
    for _ in range(10):
        clock.advance(1)
        await authenticator.resolve(tokens.issue(claims.account_id, claims.sign_in_id, claims.token_version))
    assert authenticator.remembered == 3


def test_a_caller_says_what_it_may_do() -> None:
    someone = UUID(int=1)
    root = Caller(someone, "admin", ALL_SCOPES, "access_token")
    key = Caller(someone, "admin", frozenset({"chat"}), "api_key", api_key_id=UUID(int=2))
    demoted = Caller(someone, "user", frozenset({"admin"}), "api_key", api_key_id=UUID(int=3))
    root.require_admin()
    for scopes in (("wallet",), ("read", "chat"), ()):
        root.require(*scopes)
    key.require("chat")
    key.require("read", "chat")
    with pytest.raises(ScopeMissing) as refused:
        key.require_admin()
    assert refused.value.facts == {"scope": "admin"}
    with pytest.raises(AdministratorsOnly):
        demoted.require_admin()
    with pytest.raises(ScopeMissing):
        key.require("wallet", "read")
    with pytest.raises(KeyNotAllowed):
        key.require()


def test_the_key_is_never_shown() -> None:
    assert "secret" not in repr(SecretKey(b"secret"))
