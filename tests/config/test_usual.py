"""Other people's variable names."""

import pytest

from parlor.config.usual import ollama_url


def test_the_names_of_the_systems_before_work(load):
    settings = load(
        {
            "ENVIRONMENT": "prod",
            "SECRET_KEY": "s3cr3t-of-some-length",
            "ALLOWED_HOSTS": '["a.example", "b.example"]',
            "DATABASE_URL": "postgresql+asyncpg://u:p@h/d",
            "DATABASE_POOL_SIZE": "3",
            "DATABASE_MAX_OVERFLOW": "9",
            "INITIAL_WALLET_BALANCE": "12.5",
            "JWT_EXPIRE_MINUTES": "30",
            "JWT_ALGORITHM": "HS256",
            "LLM_PROVIDER": "openai",
            "RELOAD": "true",
            "DEBUG": "1",
        }
    )
    assert settings.root.environment == "production"
    assert settings.groups["auth"].secret_key.get_secret_value() == "s3cr3t-of-some-length"
    assert settings.groups["server"].allowed_hosts == ("a.example", "b.example")
    assert settings.groups["server"].reload is True
    assert settings.groups["database"].url == "postgresql://u:p@h/d"
    assert settings.groups["wallet"].initial_bonus_micros == 12_500_000
    assert settings.groups["auth"].access_token_seconds == 1800
    assert settings.groups["log"].level == "debug"


def test_the_log_level_says_more_than_debug(load):
    assert load({"LOG_LEVEL": "WARNING", "DEBUG": "true"}).groups["log"].level == "warning"


def test_names_that_others_use_for_something_else_are_left_alone(load):
    settings = load({"DEBUG": "express:*", "RELOAD": "sometimes", "OPENAI_API_KEY": "", "SECRET_KEY": " "})
    assert settings.groups["log"].level == "info"
    assert settings.groups["llm"].providers == {}


def test_a_wrong_legacy_value_is_refused_by_its_own_name(refusal):
    assert refusal({"ENVIRONMENT": "moon"}).startswith("ENVIRONMENT is 'moon'")
    assert refusal({"DATABASE_POOL_SIZE": "many"}).startswith("DATABASE_POOL_SIZE is 'many'")
    assert refusal({"INITIAL_WALLET_BALANCE": "much"}).startswith("INITIAL_WALLET_BALANCE is 'much'")


def test_a_key_in_the_environment_switches_its_provider_on(load):
    settings = load({"OPENAI_API_KEY": "k-1", "OPENAI_BASE_URL": "http://h/v1", "ANTHROPIC_API_KEY": "k-2", "GEMINI_API_KEY": "k-3", "OLLAMA_HOST": "box:1"})
    providers = settings.groups["llm"].providers
    assert {name: each.kind for name, each in providers.items()} == {name: name for name in ("openai", "anthropic", "gemini", "ollama")}
    assert providers["openai"].api_key.get_secret_value() == "k-1"
    assert providers["openai"].base_url == "http://h/v1"
    assert providers["ollama"].base_url == "http://box:1"
    assert settings.explain("llm.providers.openai.api_key").source == "environment (OPENAI_API_KEY)"


def test_an_explicit_provider_is_above_the_usual_names(load):
    toml = '[llm.providers.openai]\nkind = "openai"\nbase_url = "http://mine/v1"\n'
    provider = load({"OPENAI_API_KEY": "k-1", "OPENAI_BASE_URL": "http://h/v1"}, toml=toml).groups["llm"].providers["openai"]
    assert (provider.base_url, provider.api_key.get_secret_value()) == ("http://mine/v1", "k-1")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("box", "http://box:11434"),
        ("box:9", "http://box:9"),
        ("http://box", "http://box:80"),
        ("https://box.example/ollama/", "https://box.example:443/ollama"),
        ("[::1]:9", "http://[::1]:9"),
        ("[::]", "http://127.0.0.1:11434"),
        ("::1", "http://[::1]:11434"),
        ("::", "http://127.0.0.1:11434"),
    ],
)
def test_an_ollama_host_becomes_a_url(host, url):
    assert ollama_url(host) == url
