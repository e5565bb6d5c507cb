"""`parlor chat`: a conversation in the terminal, in process or with a server."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.chat.conversation import Conversation, Piece

Agent = Annotated[str | None, typer.Option("--agent", help="Which agent answers.")]
ModelName = Annotated[str | None, typer.Option("--model", help="Which model it uses.")]
Server = Annotated[str | None, typer.Option("--server", help="Address of a running Parlor; without it everything runs in this process, free of charge.")]
Resume = Annotated[str | None, typer.Option("--session", help="Go on with this session.")]


def chat(ctx: typer.Context, agent: Agent = None, model: ModelName = None, server: Server = None, session: Resume = None) -> None:
    """Talk to an agent. Piped input is one question a line of one conversation, answers go to standard output.

    With --server, the access token is read from PARLOR_TOKEN.
    """
    line = command_line(ctx)

    async def work(container: "AsyncContainer") -> None:
        from parlor.chat.conversation import in_process, with_server

        if server is None:
            conversation = await in_process(container, agent=agent, model=model, session=session)
        else:
            conversation = await with_server(container, server, os.environ.get("PARLOR_TOKEN", ""), agent=agent, model=model, session=session)
        await (_interactive if sys.stdin is not None and sys.stdin.isatty() else _piped)(conversation)

    line.run(work)


async def _piped(conversation: "Conversation") -> None:
    if sys.stdin is None:
        return
    for question in sys.stdin:
        if question.strip():
            await _print(conversation, conversation.ask(question.strip()))


async def _print(conversation: "Conversation", pieces: "AsyncIterator[Piece]") -> None:
    """Text to standard output as it comes; what went wrong or what tools did to standard error. Nobody is there to be asked, so the answer is no."""
    from parlor.chat.terminal_answers import refused

    async for piece in pieces:
        if piece.question is not None:
            sys.stderr.write(f"[{piece.text} No: there is nobody to ask.]\n")
            await refused(conversation, piece.question)
        elif piece.kind == "text":
            sys.stdout.write(piece.text)
            sys.stdout.flush()
        elif piece.kind == "problem":
            sys.stderr.write(f"[{piece.text}]")
    sys.stdout.write("\n")
    sys.stdout.flush()


async def _interactive(conversation: "Conversation") -> None:
    from rich.console import Console

    from parlor.chat.terminal_answers import answered

    console = Console()
    console.print(f"[dim]Session {conversation.session_id}. Ctrl-D or /quit ends; your questions and the answers are kept.[/dim]")
    while (question := await _ask(console.input)) is not None:
        if question.strip() in ("/quit", "/exit"):
            return
        if not question.strip():
            continue
        async for piece in conversation.ask(question.strip()):
            if piece.question is not None:
                await answered(conversation, piece.question, console, _ask)
                continue
            style = {"text": None, "reasoning": "dim italic", "tool": "cyan", "note": "dim", "problem": "red"}[piece.kind]
            text = f"[{piece.text}]\n" if piece.kind in ("tool", "note") else piece.text
            console.print(text, style=style, end="", markup=False, highlight=False, soft_wrap=True)
        console.print()


async def _ask(read: Callable[[str], str], prompt: str = "[bold]you>[/bold] ") -> str | None:
    """A line from the terminal, without holding the loop; None at its end.

    In a daemon thread of its own: one of the loop's pool would have to be waited for at Ctrl-C, until somebody pressed Enter.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()

    def wait() -> None:
        try:
            line = read(prompt)
        except EOFError:
            line = None
        with contextlib.suppress(RuntimeError):  # the loop is gone: so is whoever asked
            loop.call_soon_threadsafe(_give, answer, line)

    threading.Thread(target=wait, name="parlor-terminal", daemon=True).start()
    return await answer


def _give(answer: "asyncio.Future[str | None]", line: str | None) -> None:
    if not answer.done():
        answer.set_result(line)
