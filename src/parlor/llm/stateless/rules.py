"""Analysis without a model: counted words and patterns. What it finds is from the text alone, and its confidence is low on purpose."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from parlor.llm.extracts import sentences_of, weightiest
from parlor.llm.stateless.findings import Kind, in_order
from parlor.llm.stateless.words import COMMON, DAYS, MONTHS, NEGATIONS, NEGATIVE, POSITIVE

NOTE = (
    "No language model has read this: parlor/offline counts words and looks for patterns, in English alone. The summary is made of the text's own sentences. "
    "Name a real model for an analysis to rely on."
)
_MOST_READ_CHARS = 200_000
_MOST_TOPICS, _MOST_ENTITIES = 10, 50
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_REACH = 3
"""How many words a negation reaches forward."""


def findings_by_rules(text: str, kinds: Collection[Kind]) -> dict[str, Any]:
    """In the shapes of a model's findings."""
    text = text[:_MOST_READ_CHARS]
    return {kind: _RULES[kind](text) for kind in in_order(kinds)}


def _words(text: str) -> list[str]:
    return [word.lower().replace("\u2019", "'") for word in _WORD.findall(text)]


def _sentiment(text: str) -> dict[str, Any]:
    words = _words(text)
    good = bad = 0
    for at, word in enumerate(words):
        if word in POSITIVE or word in NEGATIVE:
            is_negated = not NEGATIONS.isdisjoint(words[max(0, at - _REACH) : at])
            if (word in POSITIVE) != is_negated:
                good += 1
            else:
                bad += 1
    total = good + bad
    score = round((good - bad) / total, 2) if total else 0.0
    if not total:
        label = "neutral"
    elif min(good, bad) / total > 0.3:
        label = "mixed"
    else:
        label = "positive" if good > bad else "negative"
    return {"label": label, "score": score, "confidence": round(min(0.6, 0.2 + 0.1 * total), 2)}


def _topics(text: str) -> list[dict[str, Any]]:
    words = [word for word in _words(text) if len(word) > 2 and word not in COMMON and word not in POSITIVE and word not in NEGATIVE]
    counts = Counter(words).most_common(_MOST_TOPICS)
    return [{"name": word, "relevance": round(count / counts[0][1], 2)} for word, count in counts]


def _summary(text: str) -> dict[str, Any]:
    sentences = sentences_of(text)
    return {"text": " ".join(weightiest(text, sentences, 2)) if len(sentences) > 2 else text.strip()}


_INTENTS = (
    ("greeting", r"\s*(hi|hello|hey|good (morning|afternoon|evening))\b[^.?]{0,40}[.!]?\s*"),
    ("thanks", r"\s*(thanks|thank you|thx|many thanks)\b.{0,80}"),
    ("cancellation", r".*\b(cancel|unsubscribe|terminate|close my account|refund|money back)\b.*"),
    ("complaint", r".*\b(complain|complaint|unacceptable|disappointed|broken|does(n't| not) work|not working|terrible|worst)\b.*"),
    ("request", r"(.*[.!?]\s+)?(please|could you|can you|would you|will you|i need|i want|i would like|i'd like|help me)\b.*"),
    ("question", r".*\?\s*|\s*(what|when|where|who|whom|whose|which|why|how|is|are|does|do|did|can|could|should|will)\b.*"),
)


def _intent(text: str) -> dict[str, Any]:
    """The first rule that fits."""
    start = text[:2_000].replace("\u2019", "'")
    for label, pattern in _INTENTS:
        if re.fullmatch(pattern, start, re.IGNORECASE | re.DOTALL):
            return {"label": label, "confidence": 0.4}
    return {"label": "statement", "confidence": 0.2}


_DATE = r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b"
_NAMED_DATE = rf"\b(?:\d{{1,2}}\.? )?(?:{MONTHS})\b(?: \d{{1,2}}\b)?(?:,? \d{{4}})?|\b(?:{DAYS})\b"
_AMOUNT = r"(?:\d{1,3}(?:,\d{3}){1,6}(?:\.\d{1,2})?|\d{1,15}(?:\.\d{1,2})?)"
_CAPITAL = r"[A-Z][\w'-]{1,40}"
# Every repetition has its bound: an open one takes the square of a long text's length, or worse.
_PATTERNS = (
    ("email", r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),
    ("url", r"https?://[^\s<>\"')]{3,300}"),
    ("date", rf"{_DATE}|{_NAMED_DATE}"),
    ("money", rf"[$€£]\s?{_AMOUNT}|\b{_AMOUNT} ?(?:USD|EUR|GBP|dollars|euros|pounds)\b"),
    ("percentage", r"\b\d{1,9}(?:\.\d{1,9})? ?%"),
    ("name", rf"(?<=[a-z,;] ){_CAPITAL}(?: {_CAPITAL}){{0,3}}|\b{_CAPITAL}(?: {_CAPITAL}){{1,3}}"),
)
_ENTITY = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS))


def _entities(text: str) -> list[dict[str, Any]]:
    """A name is what has a capital where no sentence begins, or several in a row."""
    found = dict.fromkeys((match.group().strip(), match.lastgroup) for match in _ENTITY.finditer(text))
    return [{"text": entity, "type": kind} for entity, kind in found if entity.lower() not in COMMON][:_MOST_ENTITIES]


_RULES: Mapping[Kind, Callable[[str], Any]] = {
    "sentiment": _sentiment,
    "topics": _topics,
    "summary": _summary,
    "intent": _intent,
    "entities": _entities,
}
