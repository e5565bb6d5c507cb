"""What the offline model knows about Parlor: a topic is found by its words."""

import re

import msgspec


class _Topic(msgspec.Struct, frozen=True):
    """`words`: patterns that each count once; the topic with the most hits answers."""

    words: tuple[str, ...]
    answer: str


def find_topic(question: str) -> str | None:
    """The answer of the topic that fits best, or None when no word of any topic comes up."""
    text = question[:2_000].lower()
    hits = [(sum(bool(re.search(rf"\b(?:{word})", text)) for word in topic.words), -at) for at, topic in enumerate(_TOPICS)]
    best, at = max(hits)
    return _TOPICS[-at].answer if best else None


_TOPICS = (
    _Topic(
        (r"openai", r"ollama", r"gemini", r"anthropic|claude", r"provider", r"connect",
         r"(real|other|another|better) model", r"api_key", r"vllm|openrouter|lm studio"),
        "To connect a real model, start Parlor with one of these in its environment: OPENAI_API_KEY (and OPENAI_BASE_URL for any server that speaks "
        "OpenAI's protocol, such as vLLM or OpenRouter), ANTHROPIC_API_KEY, GEMINI_API_KEY, or OLLAMA_HOST=127.0.0.1:11434. A provider whose key is "
        "present is on. `parlor config list-models` shows which models were found, and PARLOR_LLM__DEFAULT_MODEL picks the default.",
    ),
    _Topic(
        (r"wallet", r"credit", r"price|pricing", r"cost", r"charge|bill|pay", r"balance", r"bonus", r"hold\b"),
        "Every account has a wallet, counted in micro-credits (1 credit = 1 000 000). Before a turn runs, the most it can cost is held; at the end what was "
        "really used is charged and the rest released. The books are double entry: `parlor wallet verify` checks them, `parlor wallet show EMAIL` and "
        "GET /api/v1/wallet show one wallet. I am free.",
    ),
    _Topic(
        (r"turn\b|turns\b", r"resume|reconnect", r"refresh", r"crash|restart", r"stream", r"durable", r"last-event-id", r"event"),
        "A turn is one question and its answer. It is a durable row with a numbered event log, so the answer is still there after a refresh, on another "
        "device or after a restart: GET /api/v1/turns/{id}/events with Last-Event-ID replays from where you were and then follows live. POST "
        "/api/v1/turns/{id}/stop ends one early; what was said is kept and charged.",
    ),
    _Topic(
        (r"install", r"how (do|can) i (start|run)", r"\bserve\b", r"get(ting)? started", r"set ?up",
         r"deploy", r"docker", r"postgres", r"redis", r"sqlite", r"database"),
        "`./dev serve` makes the environment and starts Parlor on http://127.0.0.1:8000, with SQLite and nothing else running. The same code runs as several "
        "replicas on Postgres: set PARLOR_DATABASE__URL. `parlor doctor` looks whether everything is in order.",
    ),
    _Topic(
        (r"agent", r"tools?\b", r"calculator", r"\bmcp\b", r"composio", r"langgraph"),
        "An agent is a name, a system prompt, a model and the tools it may use. The default agent has the calculator; ask me for 17 * 23 and you see a tool "
        "call in the event stream. Tools are ports with a name, a description and a JSON schema.",
    ),
    _Topic(
        (r"command", r"\bcli\b", r"terminal", r"parlor chat", r"doctor"),
        "Every part has its commands: `parlor serve`, `parlor chat`, `parlor doctor`, `parlor config validate`, `parlor config list-models`, `parlor llm call "
        "MODEL TEXT`, `parlor users create EMAIL`, `parlor wallet show EMAIL`. Each takes --json and works without a server; `parlor --help` lists all.",
    ),
    _Topic(
        (r"\bapi\b", r"endpoint", r"http\b", r"rest\b", r"openapi", r"swagger", r"\bcurl\b", r"sdk"),
        "The HTTP API is under /api/v1: register or log in at /auth, make a session with POST /sessions, send a message with POST /sessions/{id}/messages, and "
        "read the answer as server-sent events. /docs shows every call, /openapi.json describes them for programs.",
    ),
    _Topic(
        (r"session", r"history", r"message", r"branch|fork|regenerate", r"search", r"archive"),
        "A session holds a tree of messages: regenerating or editing makes a sibling, and ?branch= shows the path to any of them. Sessions have a title, a "
        "category and notes, can be archived and searched (GET /api/v1/search?q=), and belong to one account only.",
    ),
    _Topic(
        (r"secur", r"password", r"login|log in|sign in", r"register|account", r"admin", r"privacy|gdpr", r"token"),
        "Accounts sign in with e-mail and password and get a short-lived access token and a refresh token that works once. The first administrator is made "
        "with the link that `parlor serve` prints, or with `parlor users create EMAIL --admin`. Nobody sees anybody else's sessions.",
    ),
    _Topic(
        (r"who are you|what are you", r"are you (an? )?(ai|human|real|bot|llm|language model|gpt|intelligent)",
         r"offline", r"your name", r"which model|what model"),
        "I am parlor/offline, the model that is built into Parlor. I am a set of rules, not a language model: I need no network, cost nothing and always give "
        "the same answer to the same question. I am here so that everything can be tried before a real model is connected.",
    ),
    _Topic(
        (r"what can you do", r"help\b", r"capabilit", r"examples?\b"),
        'I can answer questions about Parlor, do sums through the calculator ("what is 17 * 23?"), summarise or repeat a text that you give me '
        '("summarise: ..."), count ("count to 100", good for watching a stream), and say what you told me earlier. Everything else needs a real model.',
    ),
    _Topic(
        (r"parlor",),
        "Parlor is a self-hosted chat backend: everything between a chat front end and a language model, in one service. Accounts, a credit wallet, sessions, "
        "durable streaming turns, agents with tools, and many model providers. It starts with one command on SQLite and needs nothing else.",
    ),
)  # fmt: skip
