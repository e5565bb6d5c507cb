import json
import logging
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError

from parlor.core.log import LogSettings, configure_logging, get_logger
from parlor.core.redaction import HIDDEN, redact, scrub


class Lines:
    def __init__(self, environment: str = "production", **settings: Any) -> None:
        self.stream = BytesIO()
        configure_logging(LogSettings(**settings), environment, self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue().decode()

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(autouse=True)
def _unconfigured() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_a_line_is_json_outside_development() -> None:
    lines = Lines()
    get_logger("parlor.wallet").info("held", amount_micros=5)
    (line,) = lines.all
    assert (line["event"], line["level"], line["logger"], line["amount_micros"]) == ("held", "info", "parlor.wallet", 5)
    assert line["time"].endswith("Z")


def test_a_line_is_readable_in_development() -> None:
    lines = Lines("development")
    get_logger("parlor.wallet").warning("held", amount_micros=5, note="two words")
    assert lines.text.rstrip().endswith("warning  held  logger=parlor.wallet amount_micros=5 note='two words'")


def test_what_came_from_outside_cannot_begin_a_line_of_its_own() -> None:
    lines = Lines("development")
    get_logger("x").info("held\n12:00:00 forged", note="a\r\nb")
    assert len(lines.text.splitlines()) == 1


def test_the_format_can_be_chosen() -> None:
    lines = Lines("development", format="json")
    get_logger("x").info("held")
    assert lines.all[0]["event"] == "held"


def test_lines_below_the_level_are_not_written() -> None:
    lines = Lines(level="warning")
    get_logger("x").info("quiet")
    logging.getLogger("some.library").info("quiet")
    get_logger("x").warning("loud")
    assert [line["event"] for line in lines.all] == ["loud"]


def test_the_request_id_is_everywhere() -> None:
    lines = Lines()
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        get_logger("x").info("ours")
        logging.getLogger("some.library").warning("theirs %s", 1)
    assert [(line["event"], line["request_id"]) for line in lines.all] == [("ours", "r-1"), ("theirs 1", "r-1")]


def test_configuring_twice_writes_once() -> None:
    Lines()
    lines = Lines()
    logging.getLogger("some.library").warning("once")
    assert len(lines.all) == 1


def test_a_bad_format_string_of_a_library_is_still_a_line() -> None:
    lines = Lines()
    (handler,) = [each for each in logging.getLogger().handlers if type(each).__module__ == "parlor.core.log"]
    handler.handle(logging.LogRecord("some.library", logging.WARNING, __file__, 1, "%d things", ("no number",), None))
    assert lines.all[0]["event"] == "%d things"


def test_what_json_cannot_hold_is_written_by_its_text() -> None:
    lines = Lines()
    get_logger("x").info("odd", thing=object(), surrogate="\ud800", secret_box=SecretStr("hunter2"))
    assert lines.text.count("\n") == 1
    assert "hunter2" not in lines.text


def test_a_closed_output_does_not_hurt() -> None:
    lines = Lines()
    lines.stream.close()
    get_logger("x").info("nobody hears this")


def test_tracebacks_have_no_local_variables_and_no_secrets() -> None:
    """SEC-47"""
    lines = Lines()
    password = "hunter2-local"
    try:
        raise ValueError("cannot reach postgresql://me:hunter2-url@db/x with token=hunter2-token") from KeyError("Bearer hunter2-bearer")
    except ValueError:
        get_logger("x").exception("failed")
    assert password not in lines.text
    assert "hunter2-url" not in lines.text
    assert "hunter2-token" not in lines.text
    assert "hunter2-bearer" not in lines.text
    assert "Traceback" in lines.all[0]["exception"]
    assert "KeyError" in lines.all[0]["exception"]


def test_what_pydantic_quotes_of_its_input_is_hidden() -> None:
    lines = Lines()
    typed = "hunter" + str(2)
    try:
        TypeAdapter(int).validate_python(typed)
    except ValidationError:
        get_logger("x").exception("failed")
    assert "hunter2" not in lines.text


CANARIES = [
    "pk_live0123456789",
    "sk-proj-0123456789abcdef",
    "Bearer abcdef0123456789",
    "authorization: Basic dXNlcjpodW50ZXIy",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "postgresql://me:hunter2@db:5432/name",
    "redis://:hunter2@cache/0",
    "https://hunter2token@host/path",
    "password=hunter2hunter2",
    "{'password': 'hunter2hunter2', 'a': 1}",
    '{"client_secret": "hunter2hunter2"}',
    "api_key: hunter2hunter2",
    "PARLOR_AUTH__SECRET_KEY=hunter2hunter2",
    "?access_token=hunter2hunter2&x=1",
    "Set-Cookie: hunter2hunter2",
]


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("environment", ["production", "development"])
def test_what_looks_like_a_credential_is_hidden_in_messages_values_and_errors(canary: str, environment: str) -> None:
    """SEC-47"""
    secret = next(part for part in ("hunter2", "0123456789", "dXNlcjpodW50ZXIy", "eyJzdWIiOiIxIn0") if part in canary)
    lines = Lines(environment)
    get_logger("x").info(f"saw {canary} today", note=canary, deep={"a": [canary]})
    logging.getLogger("library").error("saw %s", canary)
    try:
        raise RuntimeError(canary)
    except RuntimeError:
        logging.getLogger("library").exception("failed")
    assert secret not in lines.text
    assert HIDDEN in lines.text
    if environment == "production":
        assert len(lines.all) == 3


@pytest.mark.parametrize(
    "key", ["password", "new_password", "token", "refresh_token", "apiKey", "api_key", "secret", "client_secret", "Authorization", "cookie", "secret_key"]
)
def test_values_under_telling_names_are_hidden(key: str) -> None:
    lines = Lines()
    get_logger("x").info("saw", **{key: "hunter2"}, inner={key: "hunter2"}, rows=[{key: {"deep": "hunter2"}}])
    assert "hunter2" not in lines.text
    assert lines.all[0][key] == HIDDEN


def test_what_is_no_secret_is_left_alone() -> None:
    facts = {
        "input_tokens": 5,
        "output_tokens": 6,
        "max_tokens": 7,
        "keyboard": "x",
        "tokenizer": "y",
        "password": None,
        "url": "https://example.com:8000/@user",
    }
    assert redact(facts) == facts
    for text in ("used 5 input_tokens=5", "https://example.com/path?q=1", "a token was seen", "basic things", "key=value order_key"):
        assert scrub(text) == text


def test_a_value_that_contains_itself_ends() -> None:
    loop: dict[str, Any] = {}
    loop["inner"] = loop
    lines = Lines()
    get_logger("x").info("round", value=loop)
    assert len(lines.all) == 1
