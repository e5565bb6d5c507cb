"""`parlor agents invoke`: it stands with the commands of agents and is this room's, because only here are sessions and turns."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parlor.command import command_line

if TYPE_CHECKING:
    from dishka import AsyncContainer


def invoke(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The agent's name.")],
    message: Annotated[str, typer.Argument(help="What to ask it; - reads standard input.")],
    model: Annotated[str | None, typer.Option("--model", help="Which model it uses.")] = None,
    session: Annotated[str | None, typer.Option("--session", help="Go on with this session.")] = None,
) -> None:
    """Ask an agent one question, as the operator: in this process, free of charge. What its tools did goes to standard error.

    Nobody is there to be asked: a call that needs approval is refused.
    """
    line = command_line(ctx)
    question = sys.stdin.read().strip() if message == "-" else message

    async def work(container: "AsyncContainer") -> dict[str, Any]:
        from parlor.chat.conversation import in_process
        from parlor.chat.invoking import asked

        conversation = await in_process(container, agent=name, model=model, session=session)
        return await asked(conversation, question, None if line.json else _tell)

    answer = line.run(work, everything=True)  # tools are brought by all modules
    if line.json:
        line.print_json({"agent": name, **answer})
    else:
        sys.stdout.write("\n")
    if answer["problem"] is not None:
        from parlor.chat.errors import NotAnswered

        raise NotAnswered(answer["problem"])


def _tell(kind: str, text: str) -> None:
    if kind == "text":
        sys.stdout.write(text)
        sys.stdout.flush()
    elif kind != "problem":
        sys.stderr.write(f"[{text}]\n")
