import pytest
from pydantic import ValidationError

from parlor.llm.endpoints import Kind, base_url_of, endpoint_of
from parlor.llm.settings import LlmSettings, ProviderSettings


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        ("openai", "", "https://api.openai.com/v1"),
        ("openai", "https://api.openai.com", "https://api.openai.com/v1"),
        ("openai", "https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("openai", "https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
        ("openai", "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("openai", "http://127.0.0.1:9999/v1/chat/completions", "http://127.0.0.1:9999/v1"),
        ("openai", "localhost:8001", "http://localhost:8001/v1"),
        ("openai", "https://x.example/v4/paas", "https://x.example/v4/paas"),
        ("ollama", "", "http://127.0.0.1:11434"),
        ("ollama", "myhost", "http://myhost:11434"),
        ("ollama", "127.0.0.1:1234", "http://127.0.0.1:1234"),
        ("ollama", "http://[::1]:11434/v1", "http://[::1]:11434"),
        ("ollama", "https://o.example/behind/api/chat", "https://o.example/behind"),
        ("openai", "http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("gemini", "", "https://generativelanguage.googleapis.com/v1beta"),
        ("gemini", "https://g.example", "https://g.example/v1beta"),
        ("gemini", "https://g.example/v1", "https://g.example/v1"),
        ("gemini", "https://g.example/v1beta/models", "https://g.example/v1beta"),
        ("gemini", "https://g.example/v1beta/openai/", "https://g.example/v1beta"),
        ("openai", "https://g.example/v1beta/openai/", "https://g.example/v1beta/openai"),
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1"),
        ("anthropic", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"),
        ("anthropic", "https://d.example/anthropic", "https://d.example/anthropic/v1"),
    ],
)
def test_a_base_url_works_with_and_without_its_version_path(kind: Kind, written: str, meant: str) -> None:
    assert base_url_of(kind, written) == meant


@pytest.mark.parametrize("url", ["ftp://x", "http://", "https://user:pw@x.example", "https://x.example?key=1", "https://x y", "http://x:99999", "https://x\\y"])
def test_what_cannot_be_a_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        ProviderSettings(base_url=url)


@pytest.mark.parametrize(
    "wrong",
    [
        {"models": {"main/x": {"price": {"input_micros_per_mtok": -1, "output_micros_per_mtok": 1}}}},
        {"models": {"main/x": {"price": {"input_micros_per_mtok": 1.5, "output_micros_per_mtok": 1}}}},
        {"models": {"bare": {}}},
        {"models": {"main/x": {"max_output_tokens": 0}}},
        {"providers": {"parlor": {"base_url": "http://x"}}},
        {"providers": {"a/b": {"base_url": "http://x"}}},
        {"providers": {"main": {}}},
        {"providers": {"main": {"base_url": "http://x", "api_key": "two\nlines"}}},
        {"providers": {"main": {"base_url": "http://x", "kind": "other"}}},
        {"providers": "main"},
        {"default_provider": "nobody"},
        {"timeouts": {"idle_seconds": 0}},
        {"breaker": {"failures": 0}},
        {"breaker": {"open_seconds": 0}},
        {"providers": {"main": {"base_url": "http://x", "concurrency": 0}}},
        {"models": {"parlor/offline": {"fallbacks": ["nobody/x"]}}},
        {"models": {"parlor/offline": {"fallbacks": ["parlor/other"]}}},
        {"models": {"parlor/offline": {"fallbacks": ["bare"]}}},
        {"models": {"parlor/offline": {"fallbacks": ["parlor/offline"]}}},
        {"providers": {"main": {"base_url": "http://x"}}, "models": {"main/x": {"fallbacks": ["main/y", "main/y"]}}},
        {"unknown": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LlmSettings.model_validate(wrong)


def test_a_provider_named_like_a_kind_is_of_that_kind() -> None:
    settings = LlmSettings.model_validate({"providers": {"gemini": {"api_key": "k"}, "ollama": {}, "other": {"base_url": "http://x"}}})

    assert [provider.kind for provider in settings.providers.values()] == ["gemini", "ollama", "openai"]


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        ("openai", "Authorization", "Bearer sk-canary"),
        ("ollama", "Authorization", "Bearer sk-canary"),
        ("anthropic", "x-api-key", "sk-canary"),
        ("gemini", "x-goog-api-key", "sk-canary"),
    ],
)
def test_a_key_is_trimmed_sent_as_its_provider_wants_it_and_never_shown(kind: Kind, header: str, value: str) -> None:
    provider = ProviderSettings.model_validate({"kind": kind, "api_key": " sk-canary \n"})

    headers = endpoint_of("main", provider).headers

    assert {name: sent for name, sent in headers.items() if "canary" in sent} == {header: value}
    assert "canary" not in repr(provider)


def test_openai_itself_gets_the_limit_under_its_new_name() -> None:
    assert endpoint_of("main", ProviderSettings.model_validate({"api_key": "k"})).max_tokens_field == "max_completion_tokens"
    assert endpoint_of("main", ProviderSettings.model_validate({"base_url": "http://x"})).max_tokens_field == "max_tokens"


def test_a_key_in_the_clear_and_a_model_of_nobody_are_warned_about() -> None:
    settings = LlmSettings.model_validate(
        {
            "providers": {"far": {"base_url": "http://far.example", "api_key": "k"}, "near": {"base_url": "http://localhost:1", "api_key": "k"}},
            "models": {"lost/x": {}},
        }
    )

    warnings = settings.warnings(None)

    assert len(warnings) == 2
    assert "lost/x" in warnings[0]
    assert "llm.providers.far" in warnings[1]
