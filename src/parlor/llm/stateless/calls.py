"""One billed call of a model, as it comes and as a whole."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from parlor.llm.errors import ModelFailed, PromptTooLong
from parlor.llm.gate import GatedCall, ModelGate
from parlor.llm.ports import Finished, FinishReason, Model, ModelEvent, ModelRequest, TextDelta, Usage
from parlor.llm.prompts import request_tokens
from parlor.llm.questions import checked_text
from parlor.llm.registry import ModelRegistry
from parlor.llm.settings import LlmSettings
from parlor.llm.stateless.asked import Answered, Asked

Item = Sequence[ModelEvent] | Answered


class Prepared(msgspec.Struct, frozen=True):
    """A question that can be put: the model was found, and it can read as much."""

    asked: Asked
    model: Model
    request: ModelRequest


class ModelCalls:
    def __init__(self, gate: ModelGate, models: ModelRegistry, settings: LlmSettings) -> None:
        self._gate = gate
        self._models = models
        self._settings = settings.stateless

    async def prepare(self, asked: Asked, *, response_schema: Mapping[str, Any] | None = None) -> Prepared:
        """Raises EmptyMessage, MessageTooLong, UnknownModel, NoModel and PromptTooLong. Nothing is held yet."""
        for message in asked.messages:
            checked_text(message.text, self._settings.message_most_chars)
        model, params = await self._models.find(asked.model, asked.access), asked.params
        request = ModelRequest(
            asked.messages,
            max_output_tokens=min(model.max_output_tokens, params.max_tokens or self._settings.default_max_output_tokens),
            temperature=params.temperature,
            top_p=params.top_p,
            stop=params.stop or (),
            response_schema=response_schema,
        )
        if (tokens := request_tokens(request)) >= model.context_tokens:
            raise PromptTooLong(tokens=tokens, most_tokens=model.context_tokens - 1)
        return Prepared(asked, model, request)

    async def items(self, prepared: Prepared, *, purpose: str = "chat") -> AsyncGenerator[Item]:
        """`()` once the provider has taken the question, then what it says as it comes, and in the end Answered.

        Before the first item it raises InsufficientFunds, BudgetExceeded and ModelFailed; later only ModelFailed. Closing it ends the call.
        """
        said = list[str]()
        finish_reason: FinishReason = "stop"
        asked, model = prepared.asked, prepared.model
        gated = self._gate.stream(asked.account_id, model, prepared.request, purpose=purpose, api_key_id=asked.api_key_id, on_the_house=asked.on_the_house)
        async with gated as answering:
            yield ()
            async for batch in answering:
                said += (event.text for event in batch if isinstance(event, TextDelta))
                finish_reason = _reason_in(batch) or finish_reason
                yield batch
        yield _answered("".join(said), finish_reason, answering.call)

    async def whole(self, prepared: Prepared, *, purpose: str = "chat") -> Answered:
        async with aclosing(self.items(prepared, purpose=purpose)) as items:
            async for item in items:
                if isinstance(item, Answered):
                    return item
        raise ModelFailed("provider_protocol")


def _answered(response: str, finish_reason: FinishReason, call: GatedCall) -> Answered:
    return Answered(response, call.model, call.usage or Usage(0, 0), call.charge_micros, finish_reason)


def _reason_in(batch: Sequence[ModelEvent]) -> FinishReason | None:
    return next((event.reason for event in batch if isinstance(event, Finished)), None)
