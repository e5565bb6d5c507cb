"""What is kept ready of agents, and when it goes."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from parlor.agents import AgentRegistry
from parlor.chat.idle_agents import IdleAgents
from parlor.chat.session_queries import rest_sessions
from parlor.core.db import Database
from parlor.core.metrics import Metrics
from parlor.testing import ScriptedModel, says
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine


def counts(metrics: Metrics) -> tuple[int, int, int]:
    lines = dict(line.rsplit(" ", 1) for line in metrics.exposition()[0].decode().splitlines() if not line.startswith("#"))
    hits, misses, evictions = (int(float(lines[f"parlor_agent_executor_cache_{name}_total"])) for name in ("hits", "misses", "evictions"))
    return hits, misses, evictions


async def test_agents_are_ready_until_their_user_has_no_active_session(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(*(says("ok") for _ in range(4))))
    ann, bob = await house.person(), await house.person()
    agents, idle, db, metrics = await house.get(AgentRegistry), await house.get(IdleAgents), await house.get(Database), await house.get(Metrics)
    session_id = await ann.new_session()
    await ann.ask(session_id)
    assert (counts(metrics), agents.ready_for) == ((0, 1, 0), {UUID(ann.id)})
    await ann.ask(session_id)
    assert counts(metrics) == (1, 1, 0)
    await idle.evict()
    assert agents.ready_for == {UUID(ann.id)}

    await db.write(lambda tx: rest_sessions(tx, datetime(9999, 1, 1, tzinfo=UTC), 100))
    await bob.ask(await bob.new_session())
    await idle.evict()
    assert (counts(metrics), agents.ready_for) == ((1, 2, 1), {UUID(bob.id)})


async def test_no_more_are_kept_than_the_settings_say_and_the_least_used_go_first(open_served: OpenServed) -> None:
    settings = {"agent_runtime.executor_cache_size": 2, "agents.b": {}, "agents.c": {}}
    house = await open_served(ScriptedModel(*(says("ok") for _ in range(5))), settings=settings)
    ann, metrics = await house.person(), await house.get(Metrics)
    session_id = await ann.new_session()
    for agent in ("assistant", "b", "assistant", "c", "assistant"):
        await ann.ask(session_id, agent=agent)
    assert counts(metrics) == (2, 3, 1)


async def test_a_layer_over_the_prompt_counts_with_the_next_message(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(*(says("ok") for _ in range(2))))
    ann, metrics = await house.person(), await house.get(Metrics)
    session_id = await ann.new_session()
    await ann.ask(session_id)
    layer = {"agent_name": "assistant", "mode": "append", "content": "Talk of rivers."}
    assert (await ann.client.post("/prompts/customizations", json=layer)).status_code == 201
    await ann.ask(session_id)
    assert counts(metrics) == (0, 2, 1)
