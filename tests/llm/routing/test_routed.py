"""A model with others that answer in its place: who is asked, what is told, and what is not tried twice."""

from collections.abc import Sequence
from typing import Any

import pytest

from parlor.llm import (
    Accepted,
    FellBack,
    Finished,
    ImagePart,
    ModelEvent,
    ModelFailed,
    ModelMessage,
    ModelRequest,
    TextDelta,
    UnsupportedInput,
    offers_of,
)
from parlor.llm.routing.routed import RoutedModel
from parlor.testing import ScriptedModel, says
from parlor.wallet import Price
from tests.llm.conftest import Heard, asks, hear

DOWN = ModelFailed("provider_error", status=500)


def model(name: str, *replies: Any, **more: Any) -> ScriptedModel:
    return ScriptedModel(*replies, name=name, **more)


def told(heard: Heard) -> Sequence[ModelEvent]:
    return [event for event in heard.events if isinstance(event, (FellBack, Accepted))]


async def test_the_first_answers_as_if_it_were_alone() -> None:
    first, second = model("a/x", says("Hello you")), model("b/y")
    heard = await hear(RoutedModel([first, second]))
    assert (heard.text, told(heard), second.requests) == ("Hello you", [], [])


@pytest.mark.parametrize(
    "failure",
    [
        DOWN,
        ModelFailed("provider_unreachable"),
        ModelFailed("provider_rate_limited", status=429),
        ModelFailed("provider_error", fault="refusal", status=401),
        ModelFailed("provider_protocol", accepted=True),
    ],
)
async def test_who_fails_before_the_first_word_is_followed_by_the_next(failure: ModelFailed) -> None:
    first, second = model("a/x", [failure]), model("b/y", says("Hello from y"))
    heard = await hear(RoutedModel([first, second]))
    assert heard.text == "Hello from y"
    assert told(heard) == [FellBack("a/x", "b/y", failure.reason), Accepted()]
    assert first.open_streams == second.open_streams == 0


async def test_each_change_is_told_before_the_next_model_is_asked() -> None:
    first, second, third = model("a/x", [DOWN]), model("b/y", [DOWN]), model("c/z", says("Here"))
    async with RoutedModel([first, second, third]).stream(asks()) as batches:
        assert list(await anext(batches)) == [FellBack("a/x", "b/y", "provider_error")]
        assert (first.open_streams, second.requests) == (0, [])
        assert list(await anext(batches)) == [Accepted()]
        assert list(await anext(batches)) == [FellBack("b/y", "c/z", "provider_error")]
        assert (second.open_streams, third.requests) == (0, [])
        assert [event async for batch in batches for event in batch if isinstance(event, TextDelta)] == [TextDelta("Here")]


async def test_nobody_takes_over_after_the_first_word() -> None:
    first, second = model("a/x", [TextDelta("Hel"), DOWN]), model("b/y", says("Hello"))
    heard = Heard()
    with pytest.raises(ModelFailed):
        await hear(RoutedModel([first, second]), heard=heard)
    assert (heard.text, second.requests) == ("Hel", [])


@pytest.mark.parametrize(
    "failure", [ModelFailed("content_filter"), ModelFailed("provider_error", fault="request", status=400), ModelFailed("provider_unreachable", fault="ours")]
)
async def test_what_another_model_would_refuse_as_well_is_not_asked_again(failure: ModelFailed) -> None:
    second = model("b/y", says("Hello"))
    with pytest.raises(ModelFailed) as raised:
        await hear(RoutedModel([model("a/x", [failure]), second]))
    assert (raised.value, second.requests) == (failure, [])


async def test_when_all_fail_the_last_failure_is_the_answer() -> None:
    heard, last = Heard(), ModelFailed("provider_rate_limited")
    with pytest.raises(ModelFailed) as raised:
        await hear(RoutedModel([model("a/x", [DOWN]), model("b/y", [last])]), heard=heard)
    assert raised.value is last
    assert told(heard) == [FellBack("a/x", "b/y", "provider_error"), Accepted()]


async def test_a_model_that_the_request_does_not_fit_into_is_passed_over() -> None:
    small, large = model("b/small", context_tokens=300), model("c/large", says("Hello"))
    heard = await hear(RoutedModel([model("a/x", [DOWN]), small, large]), asks("word " * 400))
    assert told(heard) == [FellBack("a/x", "c/large", "provider_error"), Accepted()]


async def test_a_smaller_model_is_asked_for_no_more_than_it_can_say() -> None:
    second = model("b/y", says("Hello"), max_output_tokens=100)
    await hear(RoutedModel([model("a/x", [DOWN]), second]), asks(max_output_tokens=4000))
    assert second.requests[0].max_output_tokens == 100


async def test_images_go_to_the_next_model_when_one_cannot_be_sent_any() -> None:
    """Only the model that was named may say that it cannot read them."""
    images = ModelRequest([ModelMessage("user", "Look", parts=[ImagePart("https://example.com/a.png")])])
    blind = model("b/blind", [UnsupportedInput("No images.")])
    heard = await hear(RoutedModel([model("a/x", [DOWN]), Refusing(blind), model("c/z", says("A cat"))]), images)
    assert told(heard) == [FellBack("a/x", "b/blind", "provider_error"), FellBack("b/blind", "c/z", "unsupported_input"), Accepted()]
    with pytest.raises(UnsupportedInput):
        await hear(RoutedModel([Refusing(blind), model("c/z", says("A cat"))]), images)


class Refusing:
    """A model whose protocol has no images, so that it refuses on entering."""

    def __init__(self, model: ScriptedModel) -> None:
        self.name, self.price = model.name, model.price
        self.context_tokens, self.max_output_tokens = model.context_tokens, model.max_output_tokens

    def stream(self, request: ModelRequest) -> Any:
        raise UnsupportedInput("No images.")


async def test_it_is_the_first_model_to_everybody_and_offers_all() -> None:
    first, second = model("a/x", price=Price(1, 2)), model("b/y", price=Price(3, 4), context_tokens=999)
    routed = RoutedModel([first, second])
    assert (routed.name, routed.price, routed.context_tokens, routed.max_output_tokens) == ("a/x", Price(1, 2), 32_768, 4096)
    assert offers_of(routed) == (("a/x", Price(1, 2)), ("b/y", Price(3, 4)))
    assert offers_of(first) == (("a/x", Price(1, 2)),)


async def test_leaving_while_the_second_answers_closes_it() -> None:
    second = model("b/y", [TextDelta("Hel"), Finished("stop")])
    async with RoutedModel([model("a/x", [DOWN]), second]).stream(asks()) as batches:
        async for batch in batches:
            if isinstance(batch[0], TextDelta):
                break
    assert second.open_streams == 0
