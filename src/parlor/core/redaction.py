"""What must never reach a log: values under telling keys, and things that look like credentials inside any text."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

HIDDEN = "[hidden]"

_WORDS = r"password|passwd|passphrase|secret|token|api[_-]?key|apikey|authorization|cookie|credentials?|private[_-]?key|secret[_-]?key|dsn"
_TELLING_KEY = re.compile(rf"(?:^|[_.\-\s]|(?<=[a-z]))(?:{_WORDS})$", re.IGNORECASE)
_MAX_DEPTH = 6
_PLAIN = frozenset({str, int, float, bool, type(None)})

# Each pattern stands behind a cheap substring test, because every line that is logged passes here.
_KEY_SHAPES = re.compile(r"\b(pk_|rt_|sk-|sk_|rk_|ghp_|gho_|xox[abp]-|AIza|AKIA)[A-Za-z0-9_\-]{6,}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_\-]{5,}\.[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]*)?")
# "Basic things" is prose: a credential has a digit, a capital or some length.
_SCHEME = re.compile(r"\b(Bearer|Basic)(\s+|%20)(?=[A-Za-z0-9._~+/\-]*(?-i:[A-Z0-9=])|\S{16})[A-Za-z0-9._~+/=\-]{4,}", re.IGNORECASE)
_USERINFO = re.compile(r"://(?:[^\s/:@\"']*:[^\s@\"']*|[^\s/:@\"']+)@")
# name=value, "name": "value", and the same inside a string of JSON inside a string of JSON, where quotes carry backslashes.
_ASSIGNED = re.compile(
    rf"(?P<name>(?:{_WORDS})\\*[\"']?\s*[:=]\s*)(?:(?P<quote>\\*[\"']).*?(?P=quote)|(?!\[hidden\])(?:\\*[\"'])?[^\s\"',;&}})\]\\]+)", re.IGNORECASE
)
_PYDANTIC_INPUT = re.compile(r"input_value=.*?, input_type=")
_KEY_HINTS = ("pk_", "rt_", "sk-", "sk_", "rk_", "ghp_", "gho_", "xox", "AIza", "AKIA")
_WORD_HINTS = ("passw", "passphrase", "secret", "token", "key", "authorization", "cookie", "credential", "dsn")


@lru_cache(maxsize=2048)
def is_telling(key: str) -> bool:
    """True for names such as `password`, `refresh_token`, `apiKey`; false for `input_tokens`."""
    return _TELLING_KEY.search(key) is not None


def redact(value: Any, depth: int = 0) -> Any:
    """The same value with everything under a telling key hidden. Shares what it does not change."""
    if type(value) in _PLAIN:  # asking whether it is a mapping costs ten times as much
        return value
    if isinstance(value, Mapping):
        if depth >= _MAX_DEPTH:
            return HIDDEN
        rows = cast("Mapping[Any, Any]", value)
        return {key: HIDDEN if is_telling(str(key)) and each is not None else redact(each, depth + 1) for key, each in rows.items()}
    if isinstance(value, list | tuple):
        return [redact(each, depth + 1) for each in cast("list[Any]", value)] if depth < _MAX_DEPTH else HIDDEN
    return value


def scrub(text: str) -> str:
    """The text without credentials: key shapes, JWTs, Authorization values, userinfo in URLs, `password=...`, what pydantic quotes of its input."""
    if any(hint in text for hint in _KEY_HINTS):
        text = _KEY_SHAPES.sub(rf"\g<1>{HIDDEN}", text)
    if "eyJ" in text:
        text = _JWT.sub(HIDDEN, text)
    if "://" in text and "@" in text:
        text = _USERINFO.sub(f"://{HIDDEN}@", text)
    if "input_value=" in text:
        text = _PYDANTIC_INPUT.sub(f"input_value={HIDDEN}, input_type=", text)
    lowered = text.lower()
    if "bearer" in lowered or "basic" in lowered:
        text = _SCHEME.sub(rf"\g<1> {HIDDEN}", text)
    if any(hint in lowered for hint in _WORD_HINTS):
        text = _ASSIGNED.sub(_hide_assigned, text)
    return text


def _hide_assigned(match: re.Match[str]) -> str:
    """Keeps the quotes of what it hides, so that a line of JSON stays one."""
    quote = match["quote"] or ""
    return f"{match['name']}{quote}{HIDDEN}{quote}"
