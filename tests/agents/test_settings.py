"""Agents in the settings."""

from parlor.agents.settings import DEFAULT_TOOLS, AgentsSettings


def test_a_table_for_the_default_agent_leaves_it_its_tools_unless_it_names_some() -> None:
    assert AgentsSettings().definitions()["assistant"].tools == DEFAULT_TOOLS
    assert AgentsSettings.model_validate({"assistant": {"model": "main/x"}}).definitions()["assistant"].tools == DEFAULT_TOOLS
    assert AgentsSettings.model_validate({"assistant": {"tools": []}}).definitions()["assistant"].tools == ()
    assert AgentsSettings.model_validate({"other": {}}).definitions()["other"].tools == ()
