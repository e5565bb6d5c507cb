"""One call of a model inside a turn: as one of its steps, which streams into its log, or beside them, which nobody sees until it is over."""

from collections.abc import Callable, Sequence

from parlor.agents.runs.answer import Answer
from parlor.llm import Accepted, CallMeter, FellBack, Model, ModelEvent, ModelRequest, Offer, Usage, UsageSeen
from parlor.turns import RunningTurn

Hear = Callable[[ModelEvent], None]
"""Gets each event of the answer when it arrives."""

_NOTHING = Usage(0, 0)


def unheard(event: ModelEvent) -> None:
    """Where nobody listens."""


async def ask_as_step(running: RunningTurn, model: Model, offers: Sequence[Offer], request: ModelRequest, hear: Hear) -> Answer:
    """The step has begun. One at a time: the bill of a turn tells steps apart by their order. Raises ModelFailed."""
    answer, has_usage = Answer(), False
    async with model.stream(request) as batches:
        running.is_accepted = True
        async for batch in batches:
            for event in batch:
                if isinstance(event, FellBack):
                    running.fall_back(event, _offer(offers, event.target).price)
                elif isinstance(event, Accepted):
                    running.is_accepted = True
                elif isinstance(event, UsageSeen):
                    if not has_usage:
                        has_usage = True
                        answer.usage = event.usage
                        running.report_usage(event.usage)
                else:
                    answer.take(event)
                    hear(event)
    if not has_usage:
        running.estimate_usage("".join(call.name + call.arguments for call in answer.calls.values()))
    return answer


async def ask_beside(
    running: RunningTurn, model: Model, offers: Sequence[Offer], request: ModelRequest, *, prompt_tokens: int, purpose: str, hear: Hear = unheard
) -> tuple[Answer, Offer, Usage]:
    """The answer, who gave it, and what it used. Any number may run at once. Raises ModelFailed; what was used until then is on the bill."""
    call = running.begin_call(offers[0], prompt_tokens, purpose)
    meter, answer = CallMeter(model.name, prompt_tokens), Answer()
    try:
        async with model.stream(request) as batches:
            meter.is_accepted = True
            async for batch in batches:
                meter.take(batch)
                for event in batch:
                    answer.take(event)
                    hear(event)
    finally:
        used, by = meter.usage() or _NOTHING, _offer(offers, meter.model)
        running.end_call(call, by, used)
    answer.usage = used
    return answer, by, used


def _offer(offers: Sequence[Offer], model: str) -> Offer:
    return next(offer for offer in offers if offer.model == model)
