"""Where a value comes from, and which of several wins."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, RootModel

from parlor.config import Settings, load, read_root
from parlor.core.errors import Misconfigured
from parlor.core.settings import RootSettings
from parlor.module import Found, Module


def test_without_any_source_everything_has_its_default(load, tmp_path):
    settings = load()
    assert settings.groups["wallet"].initial_bonus_micros == 5_000_000
    assert settings.root.environment == "development"
    assert settings.root.data_dir == tmp_path / ".parlor"
    assert settings.warnings == ()


def test_each_source_stands_above_the_one_before(load):
    sources = {"toml": "[server]\nport = 3\n", "env": "PARLOR_SERVER__PORT=4\n"}
    assert load().groups["server"].port == 8000
    assert load(toml=sources["toml"]).groups["server"].port == 3
    assert load(**sources).groups["server"].port == 4
    assert load({"PARLOR_SERVER__PORT": "5"}, **sources).groups["server"].port == 5
    assert load({"PARLOR_SERVER__PORT": "5"}, **sources, overrides={"server.port": 6}).groups["server"].port == 6


def test_legacy_names_stand_below_everything_but_the_defaults(load):
    assert load({"DATABASE_POOL_SIZE": "7"}).groups["database"].pool_size == 7
    assert load({"DATABASE_POOL_SIZE": "7"}, toml="[database]\npool_size = 3").groups["database"].pool_size == 3
    assert load(env="DATABASE_POOL_SIZE=9\n", toml="").groups["database"].pool_size == 9
    assert load({"DATABASE_POOL_SIZE": "7"}, env="DATABASE_POOL_SIZE=9\n").groups["database"].pool_size == 7


def test_a_value_is_explained_with_all_that_it_hides(load, tmp_path):
    settings = load(
        {"PARLOR_WALLET__INITIAL_BONUS_MICROS": "1", "INITIAL_WALLET_BALANCE": "4"},
        toml="[wallet]\ninitial_bonus_micros = 3",
        env="PARLOR_WALLET__INITIAL_BONUS_MICROS=2",
    )
    explanation = settings.explain("wallet.initial_bonus_micros")
    assert explanation.value == 1
    assert explanation.source == "environment (PARLOR_WALLET__INITIAL_BONUS_MICROS)"
    assert [(hidden.source, hidden.value) for hidden in explanation.hides] == [
        (".env (PARLOR_WALLET__INITIAL_BONUS_MICROS)", "2"),
        (str(tmp_path / "parlor.toml"), 3),
        ("environment (INITIAL_WALLET_BALANCE)", 4_000_000),
    ]
    assert explanation.default == 5_000_000
    assert explanation.description == "What a new account gets."
    assert settings.explain("PARLOR_WALLET__INITIAL_BONUS_MICROS") == explanation
    assert settings.explain("server.port").source == "default"


def test_lists_are_read_from_commas_and_from_json(load):
    for text in ("a.example,b.example", " a.example , b.example,".strip(), '["a.example", "b.example"]'):
        assert load({"PARLOR_SERVER__ALLOWED_HOSTS": text}).groups["server"].allowed_hosts == ("a.example", "b.example")
    assert load({"PARLOR_SERVER__ALLOWED_HOSTS": "[]"}, toml='[server]\nallowed_hosts = ["x"]').groups["server"].allowed_hosts == ()


def test_names_that_the_operator_chooses_come_from_every_source(load):
    toml = """
        [llm.aliases]
        fast = "main/gpt-x-mini"
        [llm.providers.main]
        kind = "openai"
        [llm.models."main/gpt-x"]
        fallbacks = ["other/model"]
        price = { input_micros_per_mtok = 1_000_000, output_micros_per_mtok = 3_000_000 }
        [llm.models.plain]
    """
    settings = load({"PARLOR_LLM__PROVIDERS__MAIN__API_KEY": "k-1", "PARLOR_LLM__PROVIDERS__MY_BOX__KIND": "ollama"}, toml=toml)
    llm = settings.groups["llm"]
    assert llm.providers["main"].api_key.get_secret_value() == "k-1"
    assert llm.providers["my_box"].kind == "ollama"
    assert llm.models["main/gpt-x"].price.output_micros_per_mtok == 3_000_000
    assert llm.models["plain"].fallbacks == ()
    assert settings.explain('llm.models."main/gpt-x".price.input_micros_per_mtok').value == 1_000_000
    assert settings.explain("llm.aliases.fast").value == "main/gpt-x-mini"
    assert [each.path for each in settings.explain_all("llm.providers.main")] == ["llm.providers.main.api_key", "llm.providers.main.kind"]


def test_one_variable_may_hold_a_whole_group_as_json(load):
    environ = {"PARLOR_LLM__PROVIDERS": json.dumps({"Main": {"kind": "openai"}}), "PARLOR_LLM__PROVIDERS__MAIN__KIND": "gemini"}
    assert {name: each.kind for name, each in load(environ).groups["llm"].providers.items()} == {"Main": "openai", "main": "gemini"}


def test_a_relative_path_in_the_file_starts_beside_the_file_and_the_data_directory_in_the_current_folder(load, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "p.toml").write_text('data_dir = "store"\n[llm]\nmcp_config = "mcp.json"\n')
    settings = load({"PARLOR_CONFIG": "etc/p.toml"})
    assert settings.groups["llm"].mcp_config == tmp_path / "etc" / "mcp.json"
    assert settings.root.data_dir == tmp_path / "store"
    assert load({"PARLOR_DATA_DIR": "here", "PARLOR_LLM__MCP_CONFIG": "m.json"}).root.data_dir == tmp_path / "here"
    assert load({"PARLOR_LLM__MCP_CONFIG": "m.json"}).groups["llm"].mcp_config == tmp_path / "m.json"


def test_the_file_is_found_in_the_data_directory_when_there_is_none_in_the_current_folder(load, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "parlor.toml").write_text("[server]\nport = 1\n")
    assert load({"PARLOR_DATA_DIR": "data"}).groups["server"].port == 1
    assert load({"PARLOR_DATA_DIR": "data"}, toml="[server]\nport = 2").groups["server"].port == 2


def test_a_dollar_in_the_env_file_stands_for_itself(load):
    assert load(env="export PARLOR_AUTH__SECRET_KEY='a$HOME${X}'\n").groups["auth"].secret_key.get_secret_value() == "a$HOME${X}"


def test_a_line_of_the_env_file_that_makes_no_sense_is_a_warning(load):
    assert "Line 1" in load(env="this is no variable = =\nOTHER=1\n").warnings[0]


def test_a_group_speaks_its_own_warnings(load):
    assert load({"PARLOR_AUTH__ACCESS_TOKEN_SECONDS": "90000"}).warnings == ("PARLOR_AUTH__ACCESS_TOKEN_SECONDS is more than a day.",)


def test_settings_of_a_module_that_is_off_are_known_but_not_judged(load):
    class Picky(BaseModel):
        needed: int

    rows = [Found(Module("picky", settings=Picky), "here", is_on=False)]
    settings = load({"PARLOR_PICKY__NEEDED": "word"}, modules=rows)
    assert settings.groups == {}
    assert settings.modules == []
    assert settings.explain("picky.needed").value is None


def test_a_group_is_found_by_its_type(load):
    settings = load({"PARLOR_SERVER__PORT": "9"})
    assert settings.group(type(settings.groups["server"])).port == 9
    assert settings.group(RootSettings) is settings.root
    with pytest.raises(KeyError):
        settings.group(Module)


def test_a_group_may_be_a_table_of_its_own(load):
    class Agent(BaseModel):
        kind: str = "loop"

    class Agents(RootModel[dict[str, Agent]]):
        root: dict[str, Agent] = {}

    settings = load(toml='[agents.researcher]\nkind = "langgraph"\n', modules=[Module("agents", settings=Agents)])
    assert settings.groups["agents"].root["researcher"].kind == "langgraph"
    assert settings.explain("agents.researcher.kind").value == "langgraph"


class Agent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: str = "loop"
    tools: tuple[str, ...] = ()


class Agents(BaseModel):
    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, Agent]
    usual: Agent = Agent()


def test_a_group_may_have_names_of_the_operator_beside_its_own(load):
    rows = [Module("agents", settings=Agents)]
    settings = load({"PARLOR_AGENTS__WRITER__TOOLS": "a,b"}, toml='[agents.researcher]\nkind = "langgraph"\n[agents.usual]\nkind = "x"\n', modules=rows)
    agents = settings.groups["agents"]
    assert (agents.usual.kind, agents.researcher.kind, agents.writer.tools) == ("x", "langgraph", ("a", "b"))
    assert settings.explain("agents.researcher.kind").value == "langgraph"
    with pytest.raises(Misconfigured, match=r"agents.researcher.knid .*did you mean agents.researcher.kind"):
        load(toml='[agents.researcher]\nknid = "x"\n', modules=rows)


def test_kubernetes_variables_of_a_service_called_parlor_are_nobodys_mistake(load):
    noise = {
        "PARLOR_PORT": "tcp://10.0.0.1:8000",
        "PARLOR_SERVICE_HOST": "10.0.0.1",
        "PARLOR_SERVICE_PORT": "8000",
        "PARLOR_SERVICE_PORT_HTTP": "8000",
        "PARLOR_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "PARLOR_PORT_8000_TCP_ADDR": "10.0.0.1",
        "PARLOR_WEB_SERVICE_HOST": "10.0.0.2",
    }
    assert load(noise).explain_all("server")[0].source == "default"


def test_the_modules_are_found_with_the_settings_that_name_their_folder(tmp_path: Path):
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "garden_sample.py").write_text(
        "from parlor.module import Module\nfrom pydantic import BaseModel\n"
        "class Garden(BaseModel):\n    beds: int = 2\n"
        'module = Module("garden", settings=Garden)\n'
    )
    settings: Settings = load({"PARLOR_MODULES__DIR": "rooms", "PARLOR_GARDEN__BEDS": "5"}, tmp_path)
    assert settings.groups["garden"].beds == 5
    assert read_root({"PARLOR_MODULES__DIR": "rooms", "PARLOR_NONSENSE": "x"}, tmp_path).modules.dir == tmp_path / "rooms"
