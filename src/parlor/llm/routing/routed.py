"""A model with others that answer in its place."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import structlog
from msgspec.structs import replace

from parlor.llm.errors import ModelFailed, UnsupportedInput
from parlor.llm.ports import Accepted, FellBack, Model, ModelEvent, ModelRequest
from parlor.llm.prompts import request_tokens

if TYPE_CHECKING:
    from parlor.wallet import Price

_log = structlog.get_logger("parlor.llm")


class Offer(NamedTuple):
    """A model that may answer, and what it costs."""

    model: str
    price: "Price"


def offers_of(model: Model) -> tuple[Offer, ...]:
    """Whoever may answer when `model` is asked, itself first, with the prices of now. Credit is held for the dearest of them."""
    models = model.models if isinstance(model, RoutedModel) else (model,)
    return tuple(Offer(each.name, each.price) for each in models)


class RoutedModel:
    """Is the first of `models` to everybody who asks. The others answer in its place, in order, when it fails before it has said anything."""

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = tuple(models)
        first = self.models[0]
        self.name = first.name
        self.context_tokens = first.context_tokens
        self.max_output_tokens = first.max_output_tokens

    @property
    def price(self) -> "Price":
        return self.models[0].price

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncGenerator[AsyncIterator[Sequence[ModelEvent]]]:
        answer = RoutedAnswer(self.models, request)
        async with answer.stack:
            await answer.begin()
            yield answer


class RoutedAnswer:
    """What the first model says that says anything. Each change of model is told as FellBack before the next one is asked, and as Accepted once that
    has taken the request: a person who waits sees why, and a turn that dies in between is charged by who was asked."""

    def __init__(self, models: Sequence[Model], request: ModelRequest) -> None:
        self._models = models
        self._request = request
        self._at = 0
        self._batches: AsyncIterator[Sequence[ModelEvent]] | None = None
        self._failure: ModelFailed | None = None
        """Of the model that was asked last, while the next one has not been told of."""
        self._has_spoken = False
        self.stack = AsyncExitStack()

    async def begin(self) -> None:
        """Raises as `Model.stream` does where nobody may answer in the first model's place."""
        await self._ask()

    def __aiter__(self) -> "RoutedAnswer":
        return self

    async def __anext__(self) -> Sequence[ModelEvent]:
        if self._failure is not None:
            return (self._fall_back(self._failure),)
        if self._batches is None:
            await self._ask()
            return (Accepted(),) if self._failure is None else (self._fall_back(self._failure),)
        if self._has_spoken:
            return await anext(self._batches)
        try:
            batch = await anext(self._batches)
        except ModelFailed as failure:
            # its context hears of the failure here and now: the next model is asked when this one's connection is closed and its breaker knows
            await self._leave(failure)
            return (self._fall_back(failure),)
        self._has_spoken = True
        return batch

    async def _ask(self) -> None:
        """The model that it is the turn of; `_failure` when it fails and another may answer."""
        model = self._models[self._at]
        try:
            self._batches = await self.stack.enter_async_context(model.stream(_fitting(self._request, model)))
        except ModelFailed as failure:
            self._keep(failure)
        except UnsupportedInput:
            if self._at == 0:
                raise
            self._keep(ModelFailed("provider_error", "This model cannot read what was sent.", fault="refusal", cause="unsupported_input"))

    async def _leave(self, failure: ModelFailed) -> None:
        stack, self._batches = self.stack.pop_all(), None
        try:
            await stack.__aexit__(type(failure), failure, failure.__traceback__)
        except ModelFailed as same:
            self._keep(same)
        else:
            self._keep(failure)

    def _keep(self, failure: ModelFailed) -> None:
        if not failure.may_fall_back or self._next() is None:
            raise failure
        self._failure = failure

    def _fall_back(self, failure: ModelFailed) -> FellBack:
        source, at = self._models[self._at], self._next()
        assert at is not None, "a failure is kept only while somebody is left"
        self._at, self._failure = at, None
        reason = str(failure.facts.get("cause", failure.reason))
        _log.warning("llm.fell_back", model=source.name, to=self._models[at].name, reason=reason)
        return FellBack(source.name, self._models[at].name, reason)

    def _next(self) -> int | None:
        """The next model whose context the request fits into."""
        tokens = request_tokens(self._request)
        return next((at for at in range(self._at + 1, len(self._models)) if tokens < self._models[at].context_tokens), None)


def _fitting(request: ModelRequest, model: Model) -> ModelRequest:
    """What was held for is the most; a smaller model may be able to say less."""
    most = request.max_output_tokens
    if most is None or most <= model.max_output_tokens:
        return request
    return replace(request, max_output_tokens=model.max_output_tokens)
