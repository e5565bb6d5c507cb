"""A turn's life over HTTP, with a provider that does what providers do."""

from tests.support.chat import answer_of, text_of
from tests.support.house import ServedHouse


async def test_a_turn_tells_its_life_in_numbered_events_and_keeps_what_it_said(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session()
    async with ann.stream(session_id) as reader:
        assert reader.status == 200
        frames = await reader.rest()
    kinds = [frame.event for frame in frames]
    print(kinds)
    assert kinds[:2] == ["turn.started", "step.started"]
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    question, answer = await ann.messages(session_id)
    assert answer_of(answer) == text_of(frames) == "".join(f"w{n} " for n in range(8))
