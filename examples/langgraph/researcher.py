"""A researcher as a graph: it looks things up in a folder of notes, computes, and asks before it writes a note."""

from pathlib import Path
from typing import Any

from langchain.agents import create_agent  # pyright: ignore[reportUnknownVariableType]  # as below
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool

NOTES = Path(__file__).parent / "notes"
MOST_NOTES = 5

PROMPT = "You are a careful researcher. Look into the notes before you answer, name the note that you have it from, and save what is worth keeping."


@tool
def search_notes(words: str) -> str:
    """The notes that have any of these words in them."""
    wanted = words.lower().split()
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(NOTES.glob("*.md"))}
    found = [f"# {name}\n{text.strip()}" for name, text in texts.items() if any(word in text.lower() for word in wanted)]
    return "\n\n".join(found[:MOST_NOTES]) or "There is no such note."


@tool
def save_note(name: str, text: str) -> str:
    """Keep a text as a note. A person looks at it first."""
    stem = "".join(letter for letter in name.lower().replace(" ", "-") if letter.isalnum() or letter == "-")[:60] or "note"
    (NOTES / f"{stem}.md").write_text(f"{text.strip()}\n", encoding="utf-8")
    return f"Saved as {stem}."


def graph(model: Any, tools: Any) -> Any:
    """`model` is the agent's, and `tools` those that parlor.toml gives it: the calculator."""
    return create_agent(model, [search_notes, save_note, *tools], system_prompt=PROMPT, middleware=[HumanInTheLoopMiddleware(interrupt_on={"save_note": True})])
