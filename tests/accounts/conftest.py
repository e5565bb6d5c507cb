"""The accounts room as it is built for the house, on a database of the test's own, and the same behind the real gate and router."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from dishka import AsyncContainer, Provider, Scope, make_async_container
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import bindparam, select, update

from parlor.accounts import Application, AuthSettings, Session, SetupLinks, SignUp
from parlor.accounts.module import module
from parlor.accounts.setup import Setup
from parlor.accounts.tables import RefreshTokenRow, SignInRow
from parlor.accounts.user_data import AccountsUserData
from parlor.accounts.verification import EmailVerification
from parlor.core.clock import Clock
from parlor.core.collected import UserDataSources
from parlor.core.db import Database, Id, Transaction, UtcTime, statement
from parlor.core.events import Event, Events, Subscriber
from parlor.core.idempotency import Idempotency
from parlor.core.jobs import Jobs
from parlor.core.lifecycle import StartupNotices
from parlor.core.limits import LimitSettings, RateLimits
from parlor.core.outbound import OutboundSettings, provide_outbound
from parlor.core.settings import RootSettings
from parlor.core.web.gate import Gate
from parlor.core.web.problems import add_handlers
from parlor.core.web.routing import HouseRouter
from parlor.core.web.settings import ServerSettings
from tests.support.clients import http_client

PASSWORD = "a quiet river in may"
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEF"


@pytest.fixture
def auth_settings() -> AuthSettings:
    """Cheap hashes, and nothing remembered of an account between two requests. A test file may say otherwise."""
    return AuthSettings(secret_key=SecretStr(SECRET), argon2_memory_kib=8, argon2_time_cost=1, standing_cache_seconds=0)


@pytest.fixture
def limit_settings() -> LimitSettings:
    """The usual limits. A test file may say otherwise."""
    return LimitSettings()


@pytest.fixture
def told() -> list[Event]:
    """Every event that was recorded, in order."""
    return []


def _sources(user_data: AccountsUserData) -> UserDataSources:
    return UserDataSources([user_data])


Build = Callable[..., AsyncContainer]


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


@pytest.fixture
async def build(db: Database, clock: Clock, root_settings: RootSettings, limit_settings: LimitSettings, told: list[Event]) -> AsyncIterator[Build]:
    """Another replica on the same database: its own services, its own memory."""
    built: list[AsyncContainer] = []

    def build(settings: AuthSettings, limits: LimitSettings = limit_settings) -> AsyncContainer:
        jobs = Jobs()
        events = Events(db, jobs)
        parts = Provider(scope=Scope.APP)
        for value, kind in (
            (db, Database), (clock, Clock), (settings, AuthSettings), (root_settings, RootSettings), (ServerSettings(), ServerSettings), (events, Events),
            (StartupNotices(), StartupNotices), (RateLimits(limits), RateLimits), (Idempotency(db), Idempotency), (jobs, Jobs),
        ):  # fmt: skip
            parts.provide(_always(value), provides=kind)
        parts.provide(_always(OutboundSettings()), provides=OutboundSettings)
        parts.provide(provide_outbound)
        assert module.provider is not None
        parts.provide(_sources, provides=UserDataSources)
        built.append(make_async_container(parts, module.provider()))
        events.bind([*built[-1].get_sync(EmailVerification).subscribers(), Subscriber("test.listener", "*", lambda _, event: told.append(event), inside=True)])
        return built[-1]

    yield build
    for container in built:
        await container.close()


@pytest.fixture
def container(build: Build, auth_settings: AuthSettings) -> AsyncContainer:
    return build(auth_settings)


def make_app(container: AsyncContainer) -> FastAPI:
    app = FastAPI(openapi_url=None)
    router = HouseRouter.of(app)
    add_handlers(app)
    assert module.routes is not None
    for each in module.routes():
        router.adopt(each, "/api/v1")
    app.add_middleware(Gate, settings=ServerSettings())
    app.state.dishka_container = container
    return app


def make_client(container: AsyncContainer, **more: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=make_app(container), raise_app_exceptions=True)
    return http_client(transport=transport, base_url="http://127.0.0.1/api/v1", **more)


@pytest.fixture
async def client(container: AsyncContainer) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(container) as client:
        yield client


Register = Callable[..., Awaitable[Session]]


@pytest.fixture
async def register(container: AsyncContainer) -> Register:
    sign_up = await container.get(SignUp)

    async def register(email: str = "ann@example.com", password: str = PASSWORD, **more: Any) -> Session:
        session = (await sign_up.register(Application(email=email, password=password, **more))).session
        assert session is not None, "no test that asks for this lets people wait for a mail"
        return session

    return register


@pytest.fixture
async def administrator(container: AsyncContainer) -> Session:
    link = await (await container.get(SetupLinks)).find()
    assert link is not None
    return await (await container.get(Setup)).make_first_administrator(link.partition("#")[2], "root@example.com", PASSWORD)


def bearer(session: Session) -> dict[str, str]:
    return {"Authorization": f"Bearer {session.access_token}"}


_uses = statement(select(RefreshTokenRow.id, RefreshTokenRow.used_at).where(RefreshTokenRow.used_at.is_not(None)))
_set_use = statement(update(RefreshTokenRow).where(RefreshTokenRow.id == bindparam("token_id", type_=Id)).values(used_at=bindparam("time", type_=UtcTime)))
_expiries = statement(select(SignInRow.id, SignInRow.expires_at))
_set_expiry = statement(update(SignInRow).where(SignInRow.id == bindparam("sign_in_id", type_=Id)).values(expires_at=bindparam("time", type_=UtcTime)))


def age(tx: Transaction, seconds: float) -> None:
    """As if that much time had passed for the refresh tokens. Postgres has a clock of its own that no test can move."""
    for row in tx.run(_uses).all():
        tx.run(_set_use, token_id=row.id, time=row.used_at - timedelta(seconds=seconds))
    for row in tx.run(_expiries).all():
        tx.run(_set_expiry, sign_in_id=row.id, time=row.expires_at - timedelta(seconds=seconds))
