"""One question and its answer, where nobody sits who could be asked back."""

from collections.abc import Callable
from typing import Any

from parlor.chat.conversation import LocalConversation
from parlor.chat.terminal_answers import refused

Tell = Callable[[str, str], None]


async def asked(conversation: LocalConversation, question: str, tell: Tell | None = None) -> dict[str, Any]:
    """What is said as it comes to `tell`, by its kind; the whole at the end. `problem` says why the answer is not whole."""
    texts: list[str] = []
    steps: list[str] = []
    problem: str | None = None
    async for piece in conversation.ask(question):
        if piece.question is not None:
            await refused(conversation, piece.question)
        if tell is not None:
            tell(piece.kind, piece.text)
        if piece.kind == "text":
            texts.append(piece.text)
        elif piece.kind == "problem":
            problem = piece.text
        elif piece.kind in ("tool", "note", "question"):
            steps.append(piece.text)
    return {"session_id": str(conversation.session_id), "response": "".join(texts), "steps": steps, "problem": problem}
