"""A model behind a provider's endpoint, whatever it speaks: sending, waiting, trying again."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import structlog

from parlor.core.outbound import Malformed, Outbound, OutboundFailed, Timeouts, Unreachable
from parlor.llm.errors import ModelFailed
from parlor.llm.ports import ModelEvent, ModelRequest
from parlor.llm.providers.answer import Answer
from parlor.llm.providers.refusals import PATIENCE, Patience, Refusal, refusal_of
from parlor.llm.providers.wire import Target
from parlor.llm.providers.wires import WIRES

if TYPE_CHECKING:
    from parlor.core.outbound import Reply
    from parlor.wallet import Price

_log = structlog.get_logger("parlor.llm")


class RemoteModel:
    """One model at one endpoint, over the wire of the endpoint's kind."""

    def __init__(
        self,
        target: Target,
        outbound: Outbound,
        *,
        price_now: "Callable[[], Price]",
        context_tokens: int,
        timeouts: Timeouts = Timeouts(),
        patience: Patience = PATIENCE,
    ) -> None:
        self.name = target.name
        self._price_now = price_now
        self.context_tokens = context_tokens
        self.max_output_tokens = target.max_output_tokens
        self._target = target
        self._outbound = outbound
        self._timeouts = timeouts
        self._patience = patience
        self._wire = WIRES[target.endpoint.kind]
        self._url = self._wire.url_of(target)

    @property
    def price(self) -> "Price":
        return self._price_now()

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[AsyncIterator[Sequence[ModelEvent]]]:
        reply = await self._ask(msgspec.json.encode(self._wire.body_of(request, self._target)))
        try:
            yield Answer(reply, self._wire.open(self._target))
        finally:
            reply.leave()

    async def _ask(self, body: bytes) -> "Reply":
        """Send until the answer begins. Only a request that surely did no work is sent again: no connection, or turned away at the door."""
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

    async def _try(self, body: bytes) -> "Reply | Refusal":
        """The reply is open, and to be left by whoever gets it."""
        try:
            reply = await self._outbound.open_trusted("POST", self._url, headers=self._target.endpoint.headers, body=body, timeouts=self._timeouts)
        except OutboundFailed as error:
            return _not_reached(error)
        try:
            refusal = await refusal_of(reply, self._wire.content_types)
        except BaseException:
            reply.leave()
            raise
        if refusal is None:
            return reply
        reply.leave()
        return refusal


def _not_reached(error: OutboundFailed) -> Refusal:
    reason = "provider_protocol" if isinstance(error, Malformed) else "provider_unreachable"
    failure = ModelFailed(reason)
    failure.__cause__ = error
    return Refusal(failure, kind="connect" if isinstance(error, Unreachable) else "final")
