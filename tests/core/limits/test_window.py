"""Counting in one process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlor.core.limits.window import Window


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_so_many_within_any_window_and_not_one_more() -> None:
    time = Time()
    window = Window(3, 60, time)
    assert [window.hit(b"a") for _ in range(5)] == [0, 0, 0, 60, 60]
    time.now += 59
    assert window.hit(b"a") == 1
    time.now += 1
    assert [window.hit(b"a") for _ in range(4)] == [0, 0, 0, 60]


def test_keys_count_apart_and_looking_counts_nothing() -> None:
    window = Window(1, 60, Time())
    assert [window.wait_seconds(b"a") for _ in range(5)] == [0] * 5
    assert window.hit(b"a") == 0
    assert window.hit(b"b") == 0
    assert window.wait_seconds(b"a") == 60


def test_keys_whose_window_is_over_are_forgotten_by_and_by() -> None:
    time = Time()
    window = Window(1, 60, time)
    for number in range(1000):
        window.hit(b"%d" % number)
    time.now += 60
    for _ in range(500):
        window.hit(b"new")
        window.record(b"new")
    assert len(window) == 1


def test_so_many_keys_are_remembered_and_the_latest_are() -> None:
    window = Window(1, 60, Time(), most_keys=10)
    for number in range(100):
        window.hit(b"%d" % number)
    assert len(window) == 10
    assert [window.wait_seconds(b"%d" % number) for number in range(90, 100)] == [60] * 10


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=60))
def test_no_window_ever_holds_more_than_the_limit(amount: int, pauses: list[float]) -> None:
    time = Time()
    window = Window(amount, 60, time)
    taken: list[float] = []
    for pause in pauses:
        time.now += pause
        if window.hit(b"a") == 0:
            taken.append(time.now)
        else:
            assert len([each for each in taken if each > time.now - 60]) == amount, "refused without need"
    for start in taken:
        assert len([each for each in taken if start <= each < start + 60 - 1e-6]) <= amount


@pytest.mark.parametrize("amount", [1, 10])
def test_what_somebody_else_took_counts_too(amount: int) -> None:
    window = Window(amount, 60, Time())
    for _ in range(amount + 3):
        window.record(b"a")
    assert window.hit(b"a") == 60
