from bench.fake_model import FakeModel, Script
from parlor.core.health import Health, Status
from parlor.core.outbound import Outbound
from parlor.llm import ModelRegistry
from parlor.llm.health import checks
from parlor.llm.pricing import Pricing
from parlor.llm.settings import LlmSettings
from parlor.wallet import CurrentPrices, WalletSettings

NOBODY = "http://127.0.0.1:9/v1"
IDLE = {"breaker": "closed", "breakers": {}, "calls": 0, "most_calls": 1024}


async def look(outbound: Outbound, **base_urls: str) -> Health:
    settings = LlmSettings.model_validate({"providers": {name: {"base_url": url} for name, url in base_urls.items()}})
    registry = ModelRegistry(settings, Pricing(settings, WalletSettings().default_price, CurrentPrices()), outbound)
    health = await checks(registry)[0].look()
    await registry.close()
    return health


async def test_providers_are_healthy_each_for_itself(outbound: Outbound, fake: FakeModel) -> None:
    health = await look(outbound, main=fake.base_url, dead=NOBODY)

    assert health.status == Status.DEGRADED
    main = dict(health.details["providers"]["main"])
    assert 0 < main.pop("latency_ms") < 1500
    assert main == {"kind": "openai", "status": "ok", "models": 4, "last_error": None, **IDLE}
    assert health.details["providers"]["dead"]["status"] == "down"
    assert "dead" in (health.advice or "")


async def test_all_dead_is_down_and_all_well_is_ok(outbound: Outbound, fake: FakeModel) -> None:
    assert (await look(outbound, dead=NOBODY)).status == Status.DOWN
    assert (await look(outbound, main=fake.base_url)).status == Status.OK
    only_offline = await look(outbound)
    assert only_offline.status == Status.OK
    assert "parlor/offline" in (only_offline.advice or "")


async def test_a_provider_that_hangs_is_waited_for_a_moment_only(outbound: Outbound, fake: FakeModel) -> None:
    fake.models_answer = Script(fault="hang_before_headers")

    assert (await look(outbound, main=fake.base_url)).status == Status.DEGRADED


async def test_each_kind_of_provider_is_a_part_of_its_own_and_off_where_there_is_none(outbound: Outbound, fake: FakeModel) -> None:
    settings = LlmSettings.model_validate({"providers": {"gemini": {"base_url": NOBODY}, "main": {"base_url": fake.base_url}}})
    registry = ModelRegistry(settings, Pricing(settings, WalletSettings().default_price, CurrentPrices()), outbound)
    parts = {check.name: await check.look() for check in checks(registry)}
    await registry.close()

    assert {name: health.status for name, health in parts.items()} == {
        "llm": Status.DEGRADED, "openai": Status.OK, "anthropic": Status.OFF, "gemini": Status.DOWN, "ollama": Status.OFF
    }  # fmt: skip
    assert list(parts["gemini"].details["providers"]) == ["gemini"]
    assert list(parts["openai"].details["providers"]) == ["main"]
    assert "gemini" in (parts["gemini"].advice or "")
