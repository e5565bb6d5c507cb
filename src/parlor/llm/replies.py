"""What the offline model says: rules over the conversation, first match wins. Everything it states is from this file or from the conversation."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from parlor.llm.extracts import sentences_of, weightiest
from parlor.llm.knowledge import find_topic
from parlor.llm.ports import ModelMessage, ModelRequest

MAX_QUOTED_CHARS = 600
_MAX_READ_CHARS = 200_000
_MAX_COUNT = 1_000


class UseCalculator(msgspec.Struct, frozen=True):
    """Not an answer yet: the calculator is to compute this first."""

    expression: str


def reply_to(request: ModelRequest) -> str | UseCalculator:
    messages = request.messages
    last = messages[-1] if messages else ModelMessage("user")
    if last.role == "tool":
        return _result(messages)
    question = _last_of(messages, "user")[:_MAX_READ_CHARS].strip()
    if not question:
        return "I received an empty message. Ask me something about Parlor, or a sum such as 12 * (3 + 4)."
    earlier = [message.text for message in messages if message.role == "user" and message.text.strip()][:-1]
    for rule in (_explicit_text, _remembered, _greeting):
        if (answer := rule(question, earlier)) is not None:
            return answer
    if expression := find_expression(question):
        if any(tool.name == "calculator" for tool in request.tools):
            return UseCalculator(expression)
        return f"That is arithmetic ({expression}), which I leave to the calculator, and this agent does not offer it to me. I would rather say so than guess."
    return find_topic(question) or _fallback(question)


def _last_of(messages: Sequence[ModelMessage], role: str) -> str:
    return next((message.text for message in reversed(messages) if message.role == role), "")


# What the calculator found


def _result(messages: Sequence[ModelMessage]) -> str:
    text = messages[-1].text.strip()
    value = _decoded(text)
    facts = cast("dict[str, Any]", value) if isinstance(value, dict) else {"value": value}
    error = facts.get("error") or (text if text.lower().startswith("error") else None)
    if error is not None:
        return f"The calculator could not do that: {_quoted(str(error))}"
    expression = facts.get("expression") or _asked_expression(messages)
    value = facts.get("value", facts.get("result", value))
    shown = _quoted(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return f"{expression} = {shown}" if expression else f"The tool answered: {shown}"


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _asked_expression(messages: Sequence[ModelMessage]) -> str | None:
    calls = next((message.tool_calls for message in reversed(messages) if message.tool_calls), ())
    try:
        return str(json.loads(calls[-1].arguments)["expression"]) if calls else None
    except (ValueError, KeyError, TypeError):
        return None


# Arithmetic

_WORDS = (
    (r"\bplus\b", "+"),
    (r"\bminus\b", "-"),
    (r"\b(times|multiplied by)\b", "*"),
    (r"\b(divided by|over)\b", "/"),
    (r"\bto the power of\b", "**"),
    (r"\bsquared\b", "** 2"),
    (r"(?<=\d)\s*[x×](?=\s*\d)", " * "),  # the multiplication sign that people write
    (r"÷", "/"),
    (r"−", "-"),  # the minus sign that people write
    (r"(?<=\d)\s*%\s*of\b", " / 100 *"),
    (r"\bsquare root of\s+(\d+(?:\.\d+)?)", r"sqrt(\1)"),
    (r"(?<=\d),(?=\d{3}\b)", ""),
)
_CANDIDATE = re.compile(r"(?:sqrt|abs|round|min|max)?[-+(]*[0-9.(][-+*/%^(). 0-9]*(?:(?:sqrt|abs)\([-+*/%^(). 0-9]*)?")
_HAS_OPERATION = re.compile(r"[0-9)]\s*(\*\*|//|[-+*/%^])\s*[-+(]*[0-9(]|(sqrt|abs|round)\(")
_DATE_OR_PHONE = re.compile(r"\d+(?:[-/]\d+){2,}|\d{3,}-\d{3,}")


def find_expression(text: str) -> str | None:
    """The longest arithmetic expression in `text`, ready for the calculator. Dates and phone numbers are not taken for subtractions."""
    text = text[:2_000].lower()
    for pattern, replacement in _WORDS:
        text = re.sub(pattern, replacement, text)
    found = [_balanced(candidate.group()) for candidate in _CANDIDATE.finditer(text)]
    fitting = [each for each in found if _HAS_OPERATION.search(each) and not _DATE_OR_PHONE.fullmatch(each)]
    return max(fitting, key=len, default=None)


def _balanced(text: str) -> str:
    text = text.strip().rstrip("+-*/%^(. ").lstrip("*/%^). ")
    text += ")" * (text.count("(") - text.count(")"))
    while text.count(")") > text.count("(") and text.endswith(")"):
        text = text[:-1].rstrip()
    return text


# Text that was given: repeat, count, summarise, quote

_REPEAT = re.compile(r"(?:please\s+)?(?:repeat(?: after me)?|echo|quote(?: this)?|say)\s*[:,-]\s*(?P<text>.+)", re.IGNORECASE | re.DOTALL)
_SUMMARISE = re.compile(
    r"(?:please\s+)?(?:can you\s+)?(?:summari[sz]e|shorten|give me a summary of|tl;?dr)(?:\s+(?:this|the following)(?: text)?)?\s*[:.,-]?\s+(?P<text>.+)",
    re.IGNORECASE | re.DOTALL,
)
_COUNT = re.compile(r"\bcount\s+(?:from\s+(?P<first>\d{1,6})\s+)?(?:up\s+)?to\s+(?P<last>\d{1,6})\b", re.IGNORECASE)


def _explicit_text(question: str, _earlier: Sequence[str]) -> str | None:
    if found := _REPEAT.fullmatch(question):
        return found["text"].strip()
    if found := _COUNT.search(question):
        first, last = int(found["first"] or 1), int(found["last"])
        return " ".join(map(str, range(first, min(last, first + _MAX_COUNT - 1) + 1))) or f"{first} is already beyond {last}."
    if found := _SUMMARISE.fullmatch(question):
        return _summary(found["text"].strip())
    return None


def _summary(text: str) -> str:
    sentences = sentences_of(text)
    if len(sentences) < 3:
        return f"That is short already: {_quoted(text)}"
    best = weightiest(text, sentences, 2)
    extract = " ".join(map(_quoted, best))
    return (
        f"{extract}\n\n(The {len(best)} weightiest of {len(sentences)} sentences, in the text's own words: the offline model extracts, it does not rephrase.)"
    )


# What was said before

_NAME_IS = re.compile(r"\b(?:my name is|i am called|call me)\s+(?P<name>[^\W\d_][\w'-]{0,40}(?: [A-Z][\w'-]{0,40}){0,2})", re.IGNORECASE)
_ASKS_NAME = re.compile(r"\bwhat(?:'s| is) my name\b|\bwho am i\b|\bdo you (?:know|remember) my name\b", re.IGNORECASE)
_ASKS_BEFORE = re.compile(r"\bwhat did i (?:just )?(?:say|ask|write|tell you)\b|\bmy (?:last|previous|earlier) (?:message|question)\b", re.IGNORECASE)
_ASKS_FIRST = re.compile(r"\bmy first (?:message|question)\b|\bwhat did i (?:say|ask) first\b", re.IGNORECASE)


def _remembered(question: str, earlier: Sequence[str]) -> str | None:
    if _ASKS_NAME.search(question):
        names = [found["name"] for text in earlier for found in _NAME_IS.finditer(text[:_MAX_READ_CHARS])]
        return f"Your name is {names[-1]}: you told me in this conversation." if names else "You have not told me your name in this conversation."
    if _ASKS_FIRST.search(question):
        return f'Your first message that I can see was: "{_quoted(earlier[0])}"' if earlier else "This is your first message that I can see."
    if _ASKS_BEFORE.search(question):
        return f'Before this you said: "{_quoted(earlier[-1])}"' if earlier else "This is your first message that I can see, so you said nothing before it."
    if found := _NAME_IS.search(question):
        return f"Nice to meet you, {found['name']}. I will remember your name for as long as this conversation is in my window."
    return None


_GREETING = re.compile(
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings|hola|bonjour|hallo|servus)(?:\s+(?:there|parlor|everybody|all))?[\s!.,]*", re.IGNORECASE
)
_THANKS = re.compile(r"(?:thanks|thank you|thx|many thanks)[\s\w!.,]{0,40}", re.IGNORECASE)
_BYE = re.compile(r"(?:bye|goodbye|good night|see you)[\s\w!.,]{0,40}", re.IGNORECASE)


def _greeting(question: str, _earlier: Sequence[str]) -> str | None:
    if _GREETING.fullmatch(question):
        return (
            "Hello! I am parlor/offline, the model that is built into Parlor: a set of rules without a network, so that everything works before a "
            "real model is connected. Ask me about Parlor, give me a sum, or a text to summarise."
        )
    if _THANKS.fullmatch(question):
        return "You are welcome."
    return "Goodbye. The conversation stays where it is." if _BYE.fullmatch(question) else None


def _fallback(question: str) -> str:
    return (
        f'You wrote: "{_quoted(question)}"\n\n'
        "I am parlor/offline, a built-in set of rules and not a language model, so I have no answer of my own to that. I can tell you about Parlor "
        '("what is a turn?", "how do I connect OpenAI?"), do sums with the calculator, summarise a text ("summarise: ..."), count ("count to 100"), '
        "and say what you told me before. Connect a provider to talk to a real model."
    )


def _quoted(text: str) -> str:
    text = text.strip()
    return text if len(text) <= MAX_QUOTED_CHARS else text[:MAX_QUOTED_CHARS].rstrip() + " ..."
