import pytest
from pydantic import ValidationError

from parlor.agents import AgentRegistry, AgentsSettings, UnknownAgent
from parlor.llm import ModelParams
from parlor.tools import Offer, Toolbox
from parlor.tools.builtin.calculator import Calculator

TOOLS = Toolbox([Offer(Calculator(), "built-in")])


def test_the_assistant_is_there_without_being_named() -> None:
    agents = AgentRegistry(AgentsSettings())
    assert agents.get(None, TOOLS).name == "assistant"
    assert [tool.name for tool in agents.get("assistant", TOOLS).tools] == ["calculator"]


def test_agents_of_the_settings_stand_beside_it() -> None:
    settings = AgentsSettings.model_validate({"poet": {"system_prompt": "Rhyme.", "model": "main/verse", "params": {"temperature": 1.5}}})
    agents = AgentRegistry(settings)
    poet = agents.get("poet", TOOLS)
    assert agents.names() == ["assistant", "poet"]
    assert (poet.definition.system_prompt, poet.definition.model, poet.params.temperature, poet.tools) == ("Rhyme.", "main/verse", 1.5, ())


def test_tools_cost_tokens_in_every_call() -> None:
    plain = AgentRegistry(AgentsSettings.model_validate({"assistant": {"tools": []}})).get(None, TOOLS)
    assert AgentRegistry(AgentsSettings()).get(None, TOOLS).overhead_tokens > plain.overhead_tokens > 0


def test_an_unknown_agent_is_not_found() -> None:
    with pytest.raises(UnknownAgent):
        AgentRegistry(AgentsSettings()).get("nobody", TOOLS)


@pytest.mark.parametrize(
    "wrong", [{"poet": {"promt": "x"}}, {"poet": {"limits": {"steps": 0}}}, {"poet": "a text"}, {"poet": {"params": {"temperature": "hot", "heat": 1}}}]
)
def test_a_definition_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AgentRegistry(AgentsSettings.model_validate(wrong))


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


def test_an_agent_is_made_once_for_a_toolbox_and_denies_what_its_own_table_denies() -> None:
    agents = AgentRegistry(AgentsSettings.model_validate({"strict": {"tools": ["*"], "tool_policy": {"calc*": "deny"}}, "free": {"tools": ["*"]}}))
    assert agents.get("free", TOOLS) is agents.get("free", TOOLS)
    assert agents.get("free", Toolbox([])) is not agents.get("free", TOOLS)
    assert [tool.name for tool in agents.get("free", TOOLS).tools] == ["calculator"]
    assert agents.get("strict", TOOLS).tools == ()
