"""Models behind the OpenAI chat completions protocol: OpenAI, Ollama, vLLM, OpenRouter, Gemini's and Anthropic's endpoints, and the rest."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from parlor.core.outbound import Malformed, Outbound, OutboundFailed, Timeouts, Unreachable
from parlor.llm.endpoints import Endpoint
from parlor.llm.errors import ModelFailed
from parlor.llm.ports import ModelEvent, ModelMessage, ModelRequest, ToolSpec
from parlor.llm.providers.answer import Answer
from parlor.llm.providers.refusals import PATIENCE, Patience, Refusal, refusal_of

if TYPE_CHECKING:
    from parlor.core.outbound import Reply
    from parlor.wallet import Price

_log = structlog.get_logger("parlor.llm")
_OWN_FIELDS = frozenset({"model", "messages", "tools", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens", "functions"})


class OpenAIModel:
    """One model at one endpoint."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        outbound: Outbound,
        *,
        price_now: "Callable[[], Price]",
        context_tokens: int,
        max_output_tokens: int,
        timeouts: Timeouts = Timeouts(),
        patience: Patience = PATIENCE,
    ) -> None:
        self.name = name
        self._price_now = price_now
        self.context_tokens = context_tokens
        self.max_output_tokens = max_output_tokens
        self._endpoint = endpoint
        self._outbound = outbound
        self._timeouts = timeouts
        self._patience = patience
        self._url = f"{endpoint.base_url}/chat/completions"

    @property
    def price(self) -> "Price":
        return self._price_now()

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[AsyncIterator[Sequence[ModelEvent]]]:
        stack, reply = await self._ask(body_of(request, self.name.partition("/")[2], self._endpoint))
        async with stack:
            yield Answer(reply)

    async def _ask(self, body: bytes) -> "tuple[AsyncExitStack, Reply]":
        """Send until the answer begins. Only a request that surely did no work is sent again: no connection, 429, 503."""
        clock = asyncio.get_running_loop().time
        began, retries = clock(), 0
        while True:
            attempt = await self._try(body)
            if not isinstance(attempt, Refusal):
                return attempt
            wait = self._patience.wait_of(attempt, retries, clock() - began)
            failure = attempt.failure
            _log.warning("llm.call_refused", model=self.name, reason=failure.reason, status=attempt.status, retry_in_seconds=wait)
            if wait is None:
                failure.facts["model"] = self.name
                raise failure
            retries += 1
            await asyncio.sleep(wait)

    async def _try(self, body: bytes) -> "tuple[AsyncExitStack, Reply] | Refusal":
        async with AsyncExitStack() as stack:
            call = self._outbound.trusted("POST", self._url, headers=self._endpoint.headers, body=body, timeouts=self._timeouts)
            try:
                reply = await stack.enter_async_context(call)
            except OutboundFailed as error:
                return _not_reached(error)
            if refusal := await refusal_of(reply):
                return refusal
            return stack.pop_all(), reply


def _not_reached(error: OutboundFailed) -> Refusal:
    reason = "provider_protocol" if isinstance(error, Malformed) else "provider_unreachable"
    failure = ModelFailed(reason)
    failure.__cause__ = error
    return Refusal(failure, kind="connect" if isinstance(error, Unreachable) else "final")


def body_of(request: ModelRequest, model: str, endpoint: Endpoint) -> bytes:
    body: dict[str, Any] = {key: value for key, value in request.extra.items() if key not in _OWN_FIELDS}
    body |= {"model": model, "messages": [_message(message) for message in request.messages], "stream": True}
    if endpoint.asks_usage:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.max_output_tokens is not None:
        body[endpoint.max_tokens_field] = request.max_output_tokens
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if request.stop:
        body["stop"] = list(request.stop)
    return msgspec.json.encode(body)


def _message(message: ModelMessage) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    if not message.tool_calls:
        return {"role": message.role, "content": message.text}
    calls = [{"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in message.tool_calls]
    return {"role": message.role, "content": message.text or None, "tool_calls": calls}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
