"""What providers demand of a conversation, as strictly as the strictest of them (INV-T7)."""

import json
from collections.abc import Sequence
from typing import Any


def complaints_about(messages: Sequence[dict[str, Any]]) -> list[str]:
    """Of a request's messages on the OpenAI wire; none means that every provider takes them."""
    found: list[str] = []
    said = [message for message in messages if message["role"] != "system"]
    if [message["role"] for message in messages].index("user") > 1 or messages[0]["role"] not in ("system", "user"):
        found.append("does not begin with the user")
    if said[-1]["role"] not in ("user", "tool"):
        found.append("does not end with something to answer")
    seen: set[str] = set()
    waiting: list[str] = []
    before = ""
    for message in said:
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                found.append(f"a result for {message['tool_call_id']}, which nobody waits for")
            else:
                waiting.remove(message["tool_call_id"])
        else:
            found += [f"no result for {call_id}" for call_id in waiting]
            waiting = []
            if role == before and role == "user":
                found.append("two user messages in a row")
            if role == "assistant" and before == "assistant":
                found.append("two assistant messages in a row")
            found += _of_content(message, seen, waiting)
        before = role
    return found + [f"no result for {call_id} at the end" for call_id in waiting]


def _of_content(message: dict[str, Any], seen: set[str], waiting: list[str]) -> list[str]:
    found: list[str] = []
    calls = message.get("tool_calls") or []
    if not (message.get("content") or "").strip() and not calls:
        found.append(f"an empty {message['role']} message")
    for call in calls:
        if call["id"] in seen:
            found.append(f"the call id {call['id']} twice")
        seen.add(call["id"])
        waiting.append(call["id"])
        try:
            if not isinstance(json.loads(call["function"]["arguments"]), dict):
                found.append("arguments that are no object")
        except ValueError:
            found.append("arguments that are no JSON")
    return found
