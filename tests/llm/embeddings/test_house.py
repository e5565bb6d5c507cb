"""Embeddings in the whole house: found, paid, remembered, and forgotten with the account."""

from typing import Any

import pytest

from bench.fake_model import FakeModel
from parlor.accounts import Application, SignUp
from parlor.accounts.erasure import Erasure
from parlor.core.cache import Cache
from parlor.llm import ModelGate, ModelRegistry
from parlor.testing import OpenHouse
from parlor.wallet import WalletService

CHEAP: dict[str, Any] = {"auth.argon2_memory_kib": 8, "auth.argon2_time_cost": 1}


@pytest.mark.parametrize("with_redis", [False, True])
async def test_a_text_is_paid_for_once_and_an_erased_account_leaves_no_vector(parlor_house: OpenHouse, fake: FakeModel, valkey: str, with_redis: bool) -> None:
    provider = {"llm.providers.main.base_url": fake.base_url, "llm.embeddings.model": "main/fake"}
    async with parlor_house(settings=CHEAP | provider | ({"redis.url": valkey} if with_redis else {})) as container:
        account = await (await container.get(SignUp)).create(Application(email="ann@example.com", password="a quiet river in may"))
        gate, cache, wallet = await container.get(ModelGate), await container.get(Cache), await container.get(WalletService)
        embedder = await (await container.get(ModelRegistry)).find_embedder(None)
        before = (await wallet.read(account.id)).available_micros

        first = await gate.embed(account.id, embedder, ["two words"], purpose="knowledge")
        again = await gate.embed(account.id, embedder, ["two words"], purpose="knowledge")

        assert (first.charge_micros, again.charge_micros, again.vectors) == (2, 0, first.vectors)
        assert before - (await wallet.read(account.id)).available_micros == 2
        receipt = await (await container.get(Erasure)).erase(account.id)
        assert receipt.counts["cache"] == 1
        assert await cache.forget(str(account.id)) == 0
    assert len(fake.requests) == 1
