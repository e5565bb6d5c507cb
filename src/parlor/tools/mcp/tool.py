"""A server's tool as a tool of the house, and the tool that leads a person to a server's sign-in."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from parlor.tools.errors import ToolError
from parlor.tools.mcp.catalog import McpServers
from parlor.tools.mcp.known import Known
from parlor.tools.mcp.ports import Authorizer, Connections
from parlor.tools.mcp.specs import CallOutcome, ServerSpec, ToolDefinition
from parlor.tools.ports import ExecutionContext, InputRequired

NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


class McpTool(msgspec.Struct, frozen=True):
    """`still_stands` says whether this definition is trusted yet: between the offer and the call there may be days, when a person is asked."""

    name: str
    spec: ServerSpec
    definition: ToolDefinition
    connections: Connections
    still_stands: Callable[[ServerSpec, ToolDefinition], bool]

    @property
    def description(self) -> str:
        return self.definition.description

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.definition.parameters

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        if not self.still_stands(self.spec, self.definition):
            raise ToolError(f"the server {self.spec.name} has changed or removed this tool since it was offered")
        return result_of(await self.connections.call(self.spec, self.definition.name, arguments, context))


def result_of(outcome: CallOutcome) -> Any:
    """Raises ToolError when the tool itself says that it failed."""
    if outcome.is_error:
        raise ToolError(text_of(outcome.result) or "the tool failed and did not say why")
    return outcome.result


def text_of(result: Any) -> str:
    """What a person can read of it."""
    if isinstance(result, list):
        blocks = cast("list[Any]", result)
        texts = [cast("dict[str, Any]", block).get("text", "") if isinstance(block, dict) else block for block in blocks]
        return "\n".join(map(str, texts)).strip()
    return str(result)


class SignInTool(msgspec.Struct, frozen=True):
    """Offered where a server's tools are not known because nobody has signed in yet. Once the person has, it says which tools there are."""

    name: str
    known: Known
    servers: McpServers
    authorizer: Authorizer

    @property
    def description(self) -> str:
        about = f" ({self.known.spec.description})" if self.known.spec.description else ""
        return f"Sign in to {self.known.spec.name} to use its tools{about}. The person is shown a link to the sign-in page."

    @property
    def parameters(self) -> Mapping[str, Any]:
        return NO_PARAMETERS

    async def call(self, arguments: Mapping[str, Any], context: ExecutionContext) -> Any:
        spec = self.known.spec
        if await self.authorizer.authorization(spec, context.caller) is None:
            asked = await self.authorizer.sign_in(spec, context.caller, None)
            answer = context.answers.get(asked.key)
            if answer is None:
                raise InputRequired(asked)
            raise ToolError(f"the sign-in at {spec.name} was not completed" if answer.is_accepted else f"the person does not want to sign in at {spec.name}")
        found = await self.servers.look(self.known, context.caller)
        if not found.is_good:
            raise ToolError(f"signed in at {spec.name}, but its tools could not be listed: {found.error}")
        return {"signed_in": True, "server": spec.name, "tools": sorted(found.definitions), "note": "They can be called from the next message on."}
