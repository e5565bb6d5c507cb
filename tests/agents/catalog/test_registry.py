from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import pytest
from dishka import AsyncContainer
from pydantic import ValidationError

from parlor.agents import AgentRegistry, AgentsSettings, UnknownAgent
from parlor.llm import ModelParams
from parlor.testing import OpenHouse
from parlor.tools import Offer, Toolbox, ToolCaller
from parlor.tools.builtin.calculator import Calculator

TOOLS = Toolbox([Offer(Calculator(), "built-in")])
ANN = ToolCaller(UUID(int=1))
STAFF = ToolCaller(UUID(int=2), frozenset({"staff"}))
ADMIN = ToolCaller(UUID(int=3), is_unlimited=True)

OpenAgents = Callable[..., AbstractAsyncContextManager[AsyncContainer]]


@pytest.fixture
def open_agents(parlor_house: OpenHouse) -> OpenAgents:
    def open_them(**agents: Any) -> AbstractAsyncContextManager[AsyncContainer]:
        return parlor_house("agents", settings={f"agents.{name}": value for name, value in agents.items()})

    return open_them


async def test_the_assistant_is_there_without_being_named(open_agents: OpenAgents) -> None:
    async with open_agents() as container:
        agents = await container.get(AgentRegistry)
        assert (await agents.find(None, ANN, TOOLS)).name == "assistant"
        assert [tool.name for tool in (await agents.find("assistant", ANN, TOOLS)).tools] == ["calculator"]


async def test_agents_of_the_settings_stand_beside_it(open_agents: OpenAgents) -> None:
    async with open_agents(poet={"system_prompt": "Rhyme.", "model": "main/verse", "params": {"temperature": 1.5}}) as container:
        agents = await container.get(AgentRegistry)
        poet = await agents.find("poet", ANN, TOOLS)
        assert [(each.name, each.source, each.version) for each in await agents.visible(ANN)] == [("assistant", "settings", None), ("poet", "settings", None)]
        assert (poet.definition.system_prompt, poet.definition.model, poet.params.temperature, poet.tools) == ("Rhyme.", "main/verse", 1.5, ())


async def test_tools_cost_tokens_in_every_call(open_agents: OpenAgents) -> None:
    async with open_agents(plain={"tools": []}) as container:
        agents = await container.get(AgentRegistry)
        plain, assistant = await agents.find("plain", ANN, TOOLS), await agents.find(None, ANN, TOOLS)
        assert assistant.overhead_tokens > plain.overhead_tokens > 0


async def test_an_unknown_agent_is_not_found(open_agents: OpenAgents) -> None:
    async with open_agents() as container:
        agents = await container.get(AgentRegistry)
        assert agents.known("nobody", ANN, TOOLS) is None
        for ask in (agents.find("nobody", ANN, TOOLS), agents.definition("nobody", ANN), agents.get("nobody", ANN)):
            with pytest.raises(UnknownAgent):
                await ask


async def test_an_agent_for_groups_is_for_their_members_and_administrators(open_agents: OpenAgents) -> None:
    async with open_agents(internal={"groups": ["staff", "board"]}) as container:
        agents = await container.get(AgentRegistry)
        for caller in (STAFF, ADMIN):
            assert (await agents.find("internal", caller, TOOLS)).name == "internal"
            assert "internal" in [each.name for each in await agents.visible(caller)]
        with pytest.raises(UnknownAgent):
            await agents.find("internal", ANN, TOOLS)
        assert [each.name for each in await agents.visible(ANN)] == ["assistant"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"poet": {"promt": "x"}},
        {"poet": {"limits": {"steps": 0}}},
        {"poet": "a text"},
        {"poet": {"params": {"temperature": "hot", "heat": 1}}},
        {"poet": {"kind": "langgraph"}},
        {"poet": {"object": "package:thing"}},
        {"A Poet": {}},
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AgentsSettings.model_validate(wrong)


def test_parameters_of_a_message_stand_above_those_of_the_agent() -> None:
    agent = ModelParams(temperature=0.2, max_tokens=100)
    assert ModelParams(max_tokens=5).over(agent) == ModelParams(temperature=0.2, max_tokens=5)
    assert ModelParams().over(agent) is agent


@pytest.mark.parametrize(
    "wrong", [{"temperature": 1e9}, {"temperature": float("nan")}, {"top_p": 0}, {"max_tokens": -1}, {"max_tokens": 2**31}, {"stop": [""]}, {"n": 2}]
)
def test_parameters_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ModelParams.model_validate(wrong)


async def test_an_agent_is_made_once_for_a_toolbox_and_denies_what_its_own_table_denies(open_agents: OpenAgents) -> None:
    async with open_agents(strict={"tools": ["*"], "tool_policy": {"calc*": "deny"}}, free={"tools": ["*"]}) as container:
        agents = await container.get(AgentRegistry)
        free = await agents.find("free", ANN, TOOLS)
        assert await agents.find("free", ANN, TOOLS) is free is agents.known("free", ANN, TOOLS)
        assert agents.known("free", ANN, Toolbox([])) is None
        assert await agents.find("free", ANN, Toolbox([])) is not free
        assert [tool.name for tool in free.tools] == ["calculator"]
        assert (await agents.find("strict", ANN, TOOLS)).tools == ()


async def test_what_executors_build_is_kept_with_the_agent(open_agents: OpenAgents) -> None:
    async with open_agents() as container:
        agents = await container.get(AgentRegistry)
        (await agents.find(None, ANN, TOOLS)).built["graph"] = "compiled"
        assert (await agents.find(None, ANN, TOOLS)).built == {"graph": "compiled"}
        agents.forget("assistant", ANN.account_id)
        assert (await agents.find(None, ANN, TOOLS)).built == {}
