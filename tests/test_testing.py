"""The plugin for authors of modules."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from dishka import Provider, Scope

from parlor.core.clock import Clock
from parlor.core.db import Database
from parlor.core.settings import RootSettings
from parlor.llm import Finished, ModelFailed, ModelMessage, ModelRequest, TextDelta, ToolCallDelta
from parlor.module import Module
from parlor.testing import Barrier, ManualClock, OpenHouse, ScriptedModel, says

ASK = ModelRequest(messages=[ModelMessage(role="user", text="Hello?")])


@dataclass
class Greeter:
    """What a module of the test's own provides."""

    root: RootSettings
    clock: Clock


def greeter_module() -> Module:
    def provider() -> Provider:
        built = Provider(scope=Scope.APP)
        built.provide(Greeter)
        return built

    return Module(name="greeter", provider=provider)


def the_clock_is(clock: ManualClock) -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(lambda: clock, provides=Clock)
    return provider


async def read_all(model: ScriptedModel) -> str:
    async with model.stream(ASK) as reads:
        return "".join([event.text async for read in reads for event in read if isinstance(event, TextDelta)])


async def test_a_house_has_the_ground_and_a_module_that_is_not_installed(parlor_house: OpenHouse) -> None:
    async with parlor_house(greeter_module()) as container:
        greeter = await container.get(Greeter)
        assert greeter.root.data_dir.is_absolute()
        assert await (await container.get(Database)).read(lambda tx: tx.is_postgres) is False


async def test_an_override_replaces_what_a_module_provides(parlor_house: OpenHouse) -> None:
    clock = ManualClock()
    async with parlor_house(greeter_module(), overrides=[the_clock_is(clock)]) as container:
        clock.advance(60)
        assert await (await container.get(Database)).read(lambda tx: tx.now()) == clock.now()


async def test_a_house_reads_no_environment(parlor_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLOR_ENVIRONMENT", "nonsense")
    async with parlor_house("core") as container:
        assert (await container.get(RootSettings)).environment == "development"


async def test_a_house_takes_settings_by_their_path(parlor_house: OpenHouse, tmp_path: Path) -> None:
    async with parlor_house("core", settings={"data_dir": str(tmp_path / "elsewhere")}) as container:
        assert (await container.get(RootSettings)).data_dir == tmp_path / "elsewhere"


async def test_a_scripted_model_gives_its_replies_in_turn_and_remembers_the_requests() -> None:
    model = ScriptedModel(says("Hello there."), says("Again?"))
    assert await read_all(model) == "Hello there."
    assert await read_all(model) == "Again?"
    assert model.requests == [ASK, ASK]
    with pytest.raises(AssertionError, match="asked 3 times"):
        await read_all(model)


async def test_a_scripted_model_waits_at_a_barrier_until_the_test_opens_it() -> None:
    barrier = Barrier()
    model = ScriptedModel([TextDelta(text="before "), barrier, TextDelta(text="after"), Finished(reason="stop")])
    reading = asyncio.create_task(read_all(model))
    await barrier.reached()
    assert not reading.done()
    assert model.open_streams == 1
    barrier.open()
    assert await reading == "before after"
    assert model.open_streams == 0


async def test_leaving_a_scripted_stream_early_closes_it() -> None:
    model = ScriptedModel([TextDelta(text="one"), Barrier()])
    async with model.stream(ASK) as reads:
        assert await anext(reads) == (TextDelta(text="one"),)
        assert not model.closed.is_set()
    assert model.closed.is_set()


async def test_a_step_may_be_several_events_of_one_read_or_an_error() -> None:
    call = ToolCallDelta(index=0, call_id="c1", name="calculator", arguments="{}")
    model = ScriptedModel([[TextDelta(text="a"), call], ModelFailed("provider_error", accepted=True)])
    async with model.stream(ASK) as reads:
        assert await anext(reads) == [TextDelta(text="a"), call]
        with pytest.raises(ModelFailed, match="error"):
            await anext(reads)


async def test_a_script_without_an_end_fails_as_a_broken_provider_does() -> None:
    model = ScriptedModel([TextDelta(text="half")])
    with pytest.raises(ModelFailed) as failure:
        await read_all(model)
    assert failure.value.reason == "provider_protocol"
    assert failure.value.accepted


def test_the_plugin_loads_nothing_of_parlor_before_it_is_used() -> None:
    program = "import sys, parlor.testing; print([name for name in sys.modules if name.startswith(('parlor.', 'fastapi', 'sqlalchemy', 'pydantic'))])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['parlor.testing']"
