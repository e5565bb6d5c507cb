"""Bad settings: refused with one line that names what to change, and the cure."""

import pytest
from pydantic import BaseModel, field_validator

from parlor.core.errors import Misconfigured, rule_for
from parlor.module import Module

CANARY = "canary-5up3r53cr3t"


def test_bad_settings_exit_with_78():
    assert rule_for(Misconfigured).exit_code == 78


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PARLOR_SERVR__PORT", "PARLOR_SERVER__PORT"),
        ("PARLOR_SERVER__PROT", "PARLOR_SERVER__PORT"),
        ("PARLOR_SERVER_PORT", "PARLOR_SERVER__PORT"),
        ("PARLOR_PORT", "PARLOR_SERVER__PORT"),
        ("PARLOR_SECRET_KEY", "PARLOR_AUTH__SECRET_KEY"),
        ("PARLOR_ENVIROMENT", "PARLOR_ENVIRONMENT"),
        ("PARLOR_WALLET__INITIAL_BONUS", "PARLOR_WALLET__INITIAL_BONUS_MICROS"),
        ("PARLOR_LLM__PROVIDERS__MAIN__BASEURL", "PARLOR_LLM__PROVIDERS__MAIN__BASE_URL"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_known(refusal, name, meant):
    assert refusal({name: "1"}) == f"{name} is not a setting: did you mean {meant}?"


def test_an_unknown_variable_like_no_other_is_refused_as_well(refusal):
    assert refusal({"PARLOR_XQZW": "1"}) == "PARLOR_XQZW is not a setting: remove it (`parlor config list` shows all that there are)."
    assert "is not a setting" in refusal({"PARLOR_": "1"})
    assert "is not a setting" in refusal({"PARLOR_SERVER____PORT": "1"})
    assert "is not a setting" in refusal({"PARLOR_LLM__ALIASES__FAST__X": "1"})


def test_an_unknown_key_of_the_file_is_refused_with_the_file_and_the_nearest_known(refusal, tmp_path):
    assert refusal(toml="[wallet]\ninitial_bonus_micro = 3") == (
        f"wallet.initial_bonus_micro in {tmp_path / 'parlor.toml'} is not a setting: did you mean wallet.initial_bonus_micros?"
    )
    assert "walet in " in refusal(toml="[walet]\ninitial_bonus_micros = 3")
    assert 'did you mean llm.models."main/gpt-x".price?' in refusal(toml='[llm.models."main/gpt-x"]\nprise = {}')


def test_an_unknown_key_of_the_env_file_is_refused_and_other_peoples_variables_are_not(refusal):
    assert refusal(env="PARLOR_SERVER__PROT=1\nSOMETHING_ELSE=1\n") == "PARLOR_SERVER__PROT in .env is not a setting: did you mean PARLOR_SERVER__PORT?"


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_variable_is_refused(refusal, value):
    assert refusal({"PARLOR_LLM__DEFAULT_MODEL": value}) == "PARLOR_LLM__DEFAULT_MODEL is empty: give it a value, or remove it."
    assert "write [] for none" in refusal({"PARLOR_SERVER__ALLOWED_HOSTS": value})


def test_quotes_that_an_env_file_kept_are_refused(refusal):
    assert "quotes that are part of its value" in refusal({"PARLOR_ENVIRONMENT": '"production"'})
    assert "quotes" in refusal({"OPENAI_API_KEY": "'sk-x'"})


def test_spaces_around_a_value_are_refused(refusal):
    assert "spaces or a line break" in refusal({"PARLOR_ENVIRONMENT": "production\r"})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "PARLOR_SERVER__PORT",
            "abc",
            "is 'abc': it should be a valid integer, unable to parse string as an integer. Change it, or remove it to have the default (8000).",
        ),
        ("PARLOR_SERVER__PORT", "70000", "less than or equal to 65535"),
        ("PARLOR_SERVER__RELOAD", "maybe", "valid boolean"),
        ("PARLOR_ENVIRONMENT", "prod", "'development', 'staging' or 'production'"),
        ("PARLOR_SERVER__ALLOWED_HOSTS", "[a", "PARLOR_SERVER__ALLOWED_HOSTS takes a list: write a,b or a JSON array."),
        ("PARLOR_LLM__PROVIDERS", "{", "PARLOR_LLM__PROVIDERS takes several settings in one: write a JSON object."),
        (
            "PARLOR_LLM__PROVIDERS",
            '{"main": {"kindd": "openai"}}',
            "llm.providers.main.kindd in PARLOR_LLM__PROVIDERS is not a setting: did you mean llm.providers.main.kind?",
        ),
        ("PARLOR_LLM__PROVIDERS__MAIN__KIND", "opena", "PARLOR_LLM__PROVIDERS__MAIN__KIND is 'opena'"),
        ("PARLOR_LLM__PROVIDERS__MAIN__BASE_URL", "http://x", "PARLOR_LLM__PROVIDERS__MAIN__KIND is missing: set it."),
    ],
)
def test_a_wrong_type_is_one_line_that_names_the_variable(refusal, name, value, expected):
    said = refusal({name: value})
    assert expected in said
    assert "\n" not in said


def test_a_wrong_type_in_the_file_names_the_file(refusal, tmp_path):
    assert f"server.port in {tmp_path / 'parlor.toml'} is 'x'" in refusal(toml='[server]\nport = "x"')
    assert "must be a table of settings, not int" in refusal(toml="server = 3")
    assert "must be a table of settings, not list" in refusal(toml="[[llm.providers]]\nkind = 'x'")


def test_every_problem_gets_its_line(refusal):
    said = refusal({"PARLOR_SERVER__PORT": "abc", "PARLOR_ENVIRONMENT": "x", "PARLOR_NONSENSE": "1"}).split("\n")
    assert len(said) == 3


def test_a_value_that_a_higher_source_hides_is_not_judged(load):
    assert load({"PARLOR_SERVER__PORT": "1"}, toml='[server]\nport = "x"').groups["server"].port == 1


def test_one_setting_written_twice_is_refused(refusal):
    assert "are the same setting" in refusal({"PARLOR_SERVER__PORT": "1", "PARLOR_server__port": "2"})


def test_a_room_refuses_what_its_fields_cannot_say_alone(refusal, load):
    assert refusal({"PARLOR_ENVIRONMENT": "production"}) == "PARLOR_AUTH__SECRET_KEY is missing: production does not start without one."
    assert load({"PARLOR_ENVIRONMENT": "production", "SECRET_KEY": CANARY}).groups["auth"].secret_key.get_secret_value() == CANARY


@pytest.mark.parametrize(
    "environ",
    [
        {"PARLOR_AUTH__SECRET_KEY": CANARY, "PARLOR_LLM__PROVIDERS__X__API_KEY": CANARY, "PARLOR_LLM__PROVIDERS__X__KIND": "no"},
        {"PARLOR_LLM__PROVIDERS": '{"x": {"api_key": {"a": "' + CANARY + '"}, "kind": "openai"}}'},
        {"PARLOR_DATABASE__POOL_SIZE": f"postgresql://me:{CANARY}@host/db"},
        {"PARLOR_DATABASE__POOL_SIZE": f"postgresql://me:a/{CANARY}@host/db?password={CANARY}"},
    ],
)
def test_no_complaint_shows_a_secret(refusal, environ):
    assert CANARY not in refusal(environ)


def test_what_a_validator_quotes_is_shown_without_its_secret(refusal):
    class Picky(BaseModel):
        url: str = ""

        @field_validator("url")
        @classmethod
        def _refuse(cls, value: str) -> str:
            raise ValueError(f"{value} is not good enough")

    said = refusal({"PARLOR_PICKY__URL": f"redis://me:{CANARY}@host"}, modules=[Module("picky", settings=Picky)])
    assert "is not good enough" in said
    assert CANARY not in said


def test_no_explanation_shows_a_secret(load):
    environ = {"PARLOR_AUTH__SECRET_KEY": CANARY, "OPENAI_API_KEY": CANARY, "DATABASE_URL": f"postgresql://me:{CANARY}@host/db"}
    settings = load(environ, toml=f'[auth]\nsecret_key = "{CANARY}"\n')
    assert settings.groups["auth"].secret_key.get_secret_value() == CANARY
    shown = repr(settings.explain_all()) + repr(settings.explain("llm.providers"))
    assert CANARY not in shown
    assert "@host/db" in shown


def test_files_that_cannot_be_read_are_refused_by_name(refusal, load, tmp_path):
    assert "PARLOR_CONFIG is none.toml, and there is no such file" in refusal({"PARLOR_CONFIG": "none.toml"})
    assert "parlor.toml is not valid TOML" in refusal(toml="[server\n")
    (tmp_path / "parlor.toml").write_bytes(b"\xff\xfe")
    assert "it is not UTF-8" in refusal()
    (tmp_path / "parlor.toml").unlink()
    (tmp_path / ".parlor").mkdir()
    (tmp_path / ".parlor" / "parlor.toml").write_text('data_dir = "elsewhere"')
    assert "cannot change where that file itself was found" in refusal()


def test_two_groups_cannot_stand_at_one_place(refusal):
    class Some(BaseModel):
        x: int = 1

    assert "which is taken" in refusal(modules=[Module("one", settings=Some, settings_key="k"), Module("two", settings=Some, settings_key="k")])
    assert "which is taken" in refusal(modules=[Module("environment", settings=Some)])
