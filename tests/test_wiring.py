"""One container: what modules provide, what they offer together, and that each part of the house stands alone."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from dishka import AsyncContainer, Provider, Scope
from pydantic import BaseModel

from parlor.config import Settings, load, load_settings
from parlor.core.clock import Clock
from parlor.core.collected import Checks, Invariants, JobDefinitions, Subscribers, Tools, UserDataSources
from parlor.core.db import Database, Transaction
from parlor.core.errors import Misconfigured
from parlor.core.events import Event, Events, Subscriber
from parlor.core.health import Check
from parlor.core.idempotency import Idempotency
from parlor.core.invariants import Invariant
from parlor.core.jobs import Job, JobRunner, Jobs
from parlor.core.lifecycle import Shutdown, StartupNotices
from parlor.core.outbound import Outbound
from parlor.core.settings import RootSettings
from parlor.ground import modules as ground
from parlor.module import Module, closure, discover
from parlor.testing import ManualClock
from parlor.wiring import open_house
from tests.support.garden import install_garden


class RoofLeaked(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "roof.leaked"


class LoftSettings(BaseModel):
    height_cm: int = 180


class Loft:
    """Records events and hears them, as rooms do that need one another."""

    def __init__(self, settings: LoftSettings, db: Database, events: Events) -> None:
        self.height_cm, self._db, self._events = settings.height_cm, db, events
        self.heard: list[Any] = []

    async def leak(self) -> None:
        await self._db.write(lambda tx: self._events.record(tx, RoofLeaked(account_id=None)))

    def hear(self, tx: Transaction, event: Event) -> None:
        self.heard.append(event.name)

    async def hear_later(self, event: Any) -> None:
        self.heard.append(f"{event.name} later")


def loft_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(Loft)
    return provider


def loft_subscribers(loft: Loft) -> Sequence[Subscriber]:
    return [Subscriber("loft.hears", "roof.leaked", loft.hear, inside=True), Subscriber("loft.hears_later", "roof.leaked", loft.hear_later)]


def loft_health(loft: Loft) -> Sequence[Check]:
    return [Check("loft", lambda: loft.leak())]  # type: ignore[arg-type]


def loft_jobs(loft: Loft, settings: LoftSettings) -> Sequence[Job]:
    return [Job("loft.air", lambda args: loft.leak())]


def loft_user_data(loft: Loft) -> Any:
    return loft


LOFT = Module(
    "loft",
    settings=LoftSettings,
    provider=loft_provider,
    subscribers=loft_subscribers,
    health=loft_health,
    jobs=loft_jobs,
    user_data=loft_user_data,
    invariants=lambda: [Invariant("INV-L1", "The loft is dry.", lambda tx: [])],
    tools=lambda: ["ladder"],
)
CELLAR = Module("cellar", provider=lambda: Provider(scope=Scope.APP))
HOUSE = (*ground, LOFT, CELLAR)


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., Settings]:
    return lambda modules=HOUSE, **values: load_settings(modules, {}, tmp_path, overrides=values)


async def test_the_ground_alone_is_a_house(settings_of):
    async with open_house(settings_of(ground)) as house:
        for kind in (Clock, Database, Events, Jobs, JobRunner, Idempotency, Outbound, Shutdown, StartupNotices, RootSettings, Settings):
            assert await house.get(kind) is await house.get(kind)
        assert await house.get(Checks) == ()
        assert {job.name for job in await house.get(JobDefinitions)} == {"cache.forget", "events.remove_old", "idempotency.remove_expired"}


async def test_what_modules_offer_is_collected_from_factories_that_name_what_they_need(settings_of):
    async with open_house(settings_of(**{"loft.height_cm": 90})) as house:
        loft = await house.get(Loft)
        assert loft.height_cm == 90
        assert [check.name for check in await house.get(Checks)] == ["loft"]
        assert [each.code for each in await house.get(Invariants)] == ["INV-L1"]
        assert await house.get(Tools) == ("ladder",)
        assert loft in await house.get(UserDataSources)
        assert {job.name for job in await house.get(JobDefinitions)} >= {"loft.air", "events.deliver.loft.hears_later"}
        assert len(await house.get(Subscribers)) == 2


async def test_a_room_may_hear_what_it_records_itself(settings_of, sqlite_template, tmp_path):
    (tmp_path / ".parlor").mkdir()
    shutil.copy(sqlite_template, tmp_path / ".parlor" / "parlor.db")
    async with open_house(settings_of()) as house:
        loft = await house.get(Loft)
        await loft.leak()
        assert loft.heard == ["roof.leaked"]
        await (await house.get(JobRunner)).drain()
        assert loft.heard == ["roof.leaked", "roof.leaked later"]


async def test_recording_where_a_listening_module_is_left_out_fails_loudly(settings_of):
    settings = settings_of()

    async with open_house(settings, closure(settings.modules, ["cellar"])) as house:
        events, db = await house.get(Events), await house.get(Database)
        with pytest.raises(RuntimeError, match="where loft cannot hear it"):
            await db.write(lambda tx: events.record(tx, RoofLeaked(account_id=None)))


async def test_a_house_whose_modules_do_not_listen_opens_no_database_by_itself(settings_of, tmp_path):
    settings = settings_of()
    async with open_house(settings, closure(settings.modules, ["cellar"])):
        assert not (tmp_path / ".parlor").exists()


async def test_a_house_of_one_module_leaves_the_others_out(settings_of):
    settings = settings_of()
    async with open_house(settings, closure(settings.modules, ["cellar"])) as house:
        assert await house.get(Tools) == ()


async def test_a_double_replaces_what_a_module_provides(settings_of):
    clock, double = ManualClock(), Provider(scope=Scope.APP)
    double.provide(lambda: clock, provides=Clock)
    async with open_house(settings_of(ground), overrides=[double]) as house:
        assert await house.get(Clock) is clock


async def test_services_stop_in_the_reverse_order_of_their_start(settings_of):
    seen: list[str] = []

    def provider() -> Provider:
        async def lower(db: Database):
            seen.append("lower starts")
            yield 1
            seen.append("lower stops")

        async def upper(lower: int):
            seen.append("upper starts")
            yield "x"
            seen.append("upper stops")

        made = Provider(scope=Scope.APP)
        made.provide(lower, provides=int)
        made.provide(upper, provides=str)
        return made

    async with open_house(settings_of((*ground, Module("two", provider=provider)))) as house:
        await house.get(str)
    assert seen == ["lower starts", "upper starts", "upper stops", "lower stops"]


async def test_a_module_that_asks_for_what_nobody_provides_stops_the_start(settings_of):
    lonely = Module("lonely", health=loft_health)
    with pytest.raises(Misconfigured, match="The modules lonely do not fit together"):
        async with open_house(settings_of((*ground, lonely))):
            pass


async def test_types_imported_for_type_checkers_only_are_found(tmp_path, monkeypatch):
    install_garden(tmp_path, name="orchard")
    monkeypatch.syspath_prepend(tmp_path)
    settings = load_settings(discover(), {}, tmp_path)
    async with open_house(settings, closure(settings.modules, ["orchard"])) as house:
        (check,) = await house.get(Checks)
        assert (await check.look()).details == {"beds": 2}


@pytest.mark.parametrize("name", [row.module.name for row in discover() if not row.module.is_ground])
async def test_each_module_stands_alone_with_those_below_it(name, tmp_path):
    settings = load({}, tmp_path)
    async with open_house(settings, closure(settings.modules, [name])) as house:
        await build_everything(house)


async def build_everything(house: AsyncContainer) -> None:
    """Every list, and with it every service that a list needs."""
    for kind in (Checks, JobDefinitions, Invariants, Tools, UserDataSources):
        await house.get(kind)
    await house.get(JobRunner)


async def test_the_whole_house_fits_together(tmp_path):
    async with open_house(load({}, tmp_path)) as house:
        await build_everything(house)
