"""Nodes of a file that nobody vouches for, in an order that a session can keep."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parlor.chat.transfer.drafts import DraftMessage
from parlor.chat.transfer.trees import in_order, is_branched


def _node(key: str, parent: str | None, *, is_kept: bool = True) -> DraftMessage:
    return DraftMessage(key, parent, "user" if is_kept else None, [{"type": "text", "text": key}] if is_kept else [])


def _shape(nodes: list[DraftMessage], current: str | None = None) -> list[tuple[str, int | None]]:
    return [(each.message.key, each.parent) for each in in_order(nodes, current)]


def test_a_line_stays_a_line() -> None:
    placed = in_order([_node("a", None), _node("b", "a"), _node("c", "b")], "c")
    assert [(each.message.key, each.parent) for each in placed] == [("a", None), ("b", 0), ("c", 1)]
    assert not is_branched(placed)


def test_the_current_branch_ends_with_the_newest_message() -> None:
    nodes = [_node("a", None), _node("b", "a"), _node("old", "b"), _node("new", "b"), _node("c", "a")]
    assert _shape(nodes, "old")[-1] == ("old", 1)
    assert _shape(nodes, "new")[-1] == ("new", 1)
    assert _shape(nodes, "b")[-1] == ("new", 1), "a node in the middle stands for its newest end"
    assert _shape(nodes, "nowhere")[-1] == ("c", 0), "without one it is the last that nothing follows"
    assert is_branched(in_order(nodes, "old"))


def test_what_says_nothing_leads_from_its_parent_to_its_children() -> None:
    nodes = [
        _node("root", None, is_kept=False),
        _node("system", "root", is_kept=False),
        _node("a", "system"),
        _node("tool", "a", is_kept=False),
        _node("b", "tool"),
    ]
    assert _shape(nodes, "tool") == [("a", None), ("b", 0)]


def test_what_is_no_tree_becomes_one() -> None:
    assert _shape([_node("a", "missing"), _node("b", "a")]) == [("a", None), ("b", 0)]
    assert _shape([_node("a", "a")]) == [("a", None)]
    assert _shape([_node("x", "y", is_kept=False), _node("y", "x", is_kept=False), _node("a", "x")], "x") == [("a", None)]
    assert {key for key, _ in _shape([_node("a", "b"), _node("b", "c"), _node("c", "a")])} == {"a", "b", "c"}
    assert _shape([_node("a", None), _node("a", "b"), _node("b", "a")]) == [("a", None), ("b", 0)], "of a name that is used twice the first counts"
    assert _shape([]) == []


def test_a_hundred_thousand_levels_are_no_more_than_a_long_list() -> None:
    deep = [_node(str(level), str(level - 1) if level else None, is_kept=level % 2 == 0) for level in range(100_000)]
    placed = in_order(deep, None)
    assert len(placed) == 50_000
    assert not is_branched(placed)
    assert len(in_order(list(reversed(deep)), "99999")) == 50_000


_keys = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(_keys, st.none() | _keys, st.booleans()), max_size=12), st.none() | _keys)
def test_whatever_the_nodes_say_each_comes_once_and_after_its_parent(rows: list[Any], current: str | None) -> None:
    nodes = [_node(key, parent, is_kept=is_kept) for key, parent, is_kept in rows]
    first = {node.key: node for node in reversed(nodes)}
    placed = in_order(nodes, current)
    assert sorted(each.message.key for each in placed) == sorted(key for key, node in first.items() if node.role is not None)
    assert all(each.parent is None or each.parent < place for place, each in enumerate(placed))
    assert not placed or len(placed) - 1 not in {each.parent for each in placed}, "nothing follows the newest"
    if current in first and first[current].role is not None:
        way: list[int] = []
        place: int | None = len(placed) - 1
        while place is not None:
            way.append(place)
            place = placed[place].parent
        assert current in {placed[each].message.key for each in way}, "the current node is on the newest branch"
