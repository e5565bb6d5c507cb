"""Questions of tools, put to whoever sits at the terminal of `parlor chat`."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from parlor.command import printable
from parlor.core.errors import ParlorError
from parlor.turns import GivenAnswer

if TYPE_CHECKING:
    from rich.console import Console

    from parlor.chat.conversation import Conversation

Ask = Callable[[Callable[[str], str], str], Awaitable[str | None]]
_YES = frozenset({"y", "yes", "j", "ja"})


async def refused(conversation: "Conversation", question: Mapping[str, Any]) -> None:
    await _give(conversation, question, GivenAnswer("reject", reason="nobody is there to be asked"))


async def answered(conversation: "Conversation", question: Mapping[str, Any], console: "Console", ask: Ask) -> None:
    """Asks until the server takes the answer. The end of the input is a no."""
    console.print()
    _show(console, question)
    while True:
        answer = await (_filled_in(question, console, ask) if question["kind"] == "form" else _decided(console, ask))
        try:
            return await _give(conversation, question, answer)
        except ParlorError as error:
            console.print(printable(error.detail), style="red", markup=False)
            if answer.decision == "reject":
                return None


def _show(console: "Console", question: Mapping[str, Any]) -> None:
    lines = [question["text"]]
    if question["kind"] == "approval":
        lines.append(f"{question['tool']} {json.dumps(question['arguments'], ensure_ascii=False)}")
    if question["url"]:
        lines.append(question["url"])
    console.print(printable("\n".join(lines)), style="yellow", markup=False, highlight=False, soft_wrap=True)


async def _decided(console: "Console", ask: Ask) -> GivenAnswer:
    said = await ask(console.input, "[bold]yes or no>[/bold] ")
    return GivenAnswer("approve" if (said or "").strip().lower() in _YES else "reject")


async def _filled_in(question: Mapping[str, Any], console: "Console", ask: Ask) -> GivenAnswer:
    """One line for each field; an empty one leaves it out. Numbers and yes or no are read as JSON."""
    form: dict[str, Any] = {}
    schema: Mapping[str, Any] = question["schema"] or {}
    fields: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    for name, field in fields.items():
        said = await ask(console.input, f"{printable(str(field.get('title') or name))}> ")
        if said is None:
            return GivenAnswer("reject")
        if said.strip():
            form[name] = _value(said.strip(), field.get("type"))
    return GivenAnswer("approve", form=form)


def _value(text: str, kind: Any) -> Any:
    if kind in ("number", "integer", "boolean", "array"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


async def _give(conversation: "Conversation", question: Mapping[str, Any], answer: GivenAnswer) -> None:
    await conversation.answer(UUID(question["turn_id"]), UUID(question["id"]), answer)
