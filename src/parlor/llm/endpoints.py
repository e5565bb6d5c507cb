"""Where a provider's endpoint is, given what people write as its base URL."""

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from parlor.llm.settings import ProviderSettings

Kind = Literal["openai", "anthropic", "gemini", "ollama"]

PUBLIC_BASE_URLS: dict[Kind, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
    "ollama": "http://127.0.0.1:11434",
}
_VERSION = re.compile(r"v[0-9]+([a-z]+[0-9]*)?")
_ENDINGS: dict[Kind, tuple[str, ...]] = {
    "openai": ("/chat/completions", "/models"),
    "anthropic": ("/messages", "/models"),
    "gemini": ("/chat/completions", "/models", "/openai"),
    "ollama": ("/chat/completions", "/chat", "/tags", "/api", "/v1"),
}
"""What may stand at the end of a copied address. Gemini and Ollama are spoken to in their own protocols, also where their OpenAI-compatible one is named."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Endpoint(msgspec.Struct, frozen=True):
    """`headers` carry the key: they go to `base_url` and nowhere else."""

    provider: str
    kind: Kind
    base_url: str
    headers: dict[str, str]
    asks_usage: bool
    max_tokens_field: str

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""


def endpoint_of(name: str, settings: "ProviderSettings") -> Endpoint:
    base_url = base_url_of(settings.kind, settings.base_url)
    field = settings.max_tokens_field
    if field == "auto":
        # OpenAI's newer models refuse max_tokens, and most others know nothing else.
        field = "max_completion_tokens" if urlsplit(base_url).hostname == "api.openai.com" else "max_tokens"
    headers = _headers(settings.kind, settings.api_key.get_secret_value() if settings.api_key else None)
    return Endpoint(name, settings.kind, base_url, headers, settings.ask_usage, field)


def _headers(kind: Kind, key: str | None) -> dict[str, str]:
    headers = {"Accept": "text/event-stream, application/x-ndjson, application/json", "Content-Type": "application/json"}
    if kind == "anthropic":
        headers["anthropic-version"] = "2023-06-01"
    if key is None:
        return headers
    match kind:
        case "anthropic":
            return {**headers, "x-api-key": key}
        case "gemini":
            return {**headers, "x-goog-api-key": key}
        case _:
            return {**headers, "Authorization": f"Bearer {key}"}


def base_url_of(kind: Kind, text: str) -> str:
    """The endpoint's base URL, with its version path (Ollama has none) and without a slash at the end. Raises ValueError for what cannot be one."""
    if not text.strip():
        return PUBLIC_BASE_URLS[kind]
    url = text.strip() if "://" in text else f"http://{text.strip()}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\\]", url):
        raise ValueError("a base URL is http(s)://host[:port][/path]")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("a base URL has no user name, query or fragment; the key goes into api_key")
    _ = parts.port  # raises ValueError when it is no port
    netloc = parts.netloc
    if kind == "ollama" and "://" not in text and parts.port is None:
        netloc += ":11434"
    return f"{parts.scheme}://{netloc}{_path_of(kind, parts.path)}"


def _path_of(kind: Kind, path: str) -> str:
    path = path.rstrip("/")
    for ending in _ENDINGS[kind]:
        path = path.removesuffix(ending)
    has_version = kind == "ollama" or any(_VERSION.fullmatch(segment) for segment in path.split("/"))
    return path if has_version else path + urlsplit(PUBLIC_BASE_URLS[kind]).path


def is_sent_in_the_clear(base_url: str) -> bool:
    parts = urlsplit(base_url)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK
