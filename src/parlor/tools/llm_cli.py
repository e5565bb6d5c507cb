"""`parlor llm call-with-tools`: it stands with the commands of models and is this room's, because only here are the tools known."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parlor.command import CommandLine, command_line, printable

if TYPE_CHECKING:
    from dishka import AsyncContainer

    from parlor.tools.calling import Tell

MOST_STEPS = 12


def call_with_tools(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Its name, an alias, or - for the default model.")],
    text: Annotated[str, typer.Argument(help="What to ask it; - reads standard input.")],
    tools: Annotated[str, typer.Option(help="Names or globs of the tools that it may call, with commas between them.")] = "*",
    system: Annotated[str | None, typer.Option(help="Instructions that stand before the question.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="How long each of its answers may be.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="How often the model is called at most.")] = MOST_STEPS,
) -> None:
    """Ask a model one question and run the tools that it calls. Calls, results and the answer are printed as they come; nothing is stored or charged."""
    line = command_line(ctx)
    question = sys.stdin.read() if text == "-" else text

    async def work(container: "AsyncContainer") -> dict[str, Any]:
        from parlor.llm import OPERATOR, ModelRegistry
        from parlor.tools.calling import ToolConversation
        from parlor.tools.console import OPERATOR as CALLER
        from parlor.tools.executor import ToolExecutor
        from parlor.tools.policy import ToolPolicy
        from parlor.tools.registry import ToolRegistry

        globs = [name.strip() for name in tools.split(",") if name.strip()]
        chosen = (await (await container.get(ToolRegistry)).settled(CALLER)).chosen(globs)
        if globs == ["*"]:  # who names a tool has decided about it
            policy = await container.get(ToolPolicy)
            chosen = [offer for offer in chosen if policy.decide(offer, CALLER) == "allow"]
        found = await (await container.get(ModelRegistry)).find(None if model == "-" else model, OPERATOR)
        conversation = ToolConversation(found, chosen, await container.get(ToolExecutor), _teller(line))
        return await conversation.ask(question, system=system, max_output_tokens=max_tokens, most_steps=steps)

    answer = line.run(work, everything=True)  # tools are brought by all modules
    if line.json:
        line.print_json(answer)
    else:
        sys.stdout.write("\n")


def _teller(line: CommandLine) -> "Tell":
    from parlor.turns import ToolCalled, ToolResult

    is_within_text = False

    def tell(what: str | ToolCalled | ToolResult) -> None:
        nonlocal is_within_text
        if line.json:
            return
        if isinstance(what, str):
            sys.stdout.write(what)
            is_within_text = True
        else:
            sys.stdout.write("\n" * is_within_text + _shown(what) + "\n")
            is_within_text = False
        sys.stdout.flush()

    return tell


def _shown(what: Any) -> str:
    tool: str | None = getattr(what, "tool", None)
    if tool is not None:
        return printable(f"> {tool} {json.dumps(what.arguments, ensure_ascii=False)}")
    return printable(f"< error: {what.error}" if what.error is not None else f"< {json.dumps(what.result, ensure_ascii=False)}")
