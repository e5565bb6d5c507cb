"""Tools over HTTP."""

from dishka.integrations.fastapi import FromDishka

from parlor.accounts import ChatDep, ChatReadDep
from parlor.core.web import Router, documents
from parlor.tools.direct import DirectCalls
from parlor.tools.errors import ApprovalRequired, InputNeeded, NoSuchTool, ToolDenied
from parlor.tools.policy import ToolPolicy
from parlor.tools.ports import ToolCaller
from parlor.tools.registry import ToolRegistry
from parlor.tools.schemas import ToolCallCreate, ToolCallRead, ToolList, ToolRead

router = Router(tags=["tools"])


@router.get("/tools")
async def list_tools(caller: ChatReadDep, registry: FromDishka[ToolRegistry], policy: FromDishka[ToolPolicy]) -> ToolList:
    """What you may use, in the order of the names. Tools that the policy denies are not there."""
    asker = ToolCaller.of(caller)
    return ToolList(
        items=[
            ToolRead(
                name=offer.tool.name,
                description=offer.tool.description,
                parameters=dict(offer.tool.parameters),
                origin=offer.origin,
                policy="ask" if policy.decide(offer, asker) == "ask" else "allow",
            )
            for offer in (await registry.toolbox(asker)).offers
        ]
    )


@router.post("/tools/{name}/call", responses=documents(NoSuchTool, ToolDenied, ApprovalRequired, InputNeeded))
async def call_tool(name: str, body: ToolCallCreate, caller: ChatDep, calls: FromDishka[DirectCalls]) -> ToolCallRead:
    """Runs a tool. One that a person has to look at first answers 409 `tools.approval_required` with `confirm`: send it along to say yes.

    One that needs something of you answers 409 `tools.input_required` with a form or an address, and a `key` to answer under.
    """
    return await calls.call(name, body.arguments, ToolCaller.of(caller), confirm=body.confirm, answers=body.answers)
