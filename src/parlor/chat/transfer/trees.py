"""From the nodes of a file to messages in an order that a session can keep: parents first, the end of the current branch last.

Files are not trusted to be trees: a parent that is missing, a node that is its own ancestor, or a name used twice makes a new beginning, never a loop.
Nothing here recurses, because a conversation may be deeper than a stack.
"""

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush

import msgspec

from parlor.chat.transfer.drafts import DraftMessage


class Placed(msgspec.Struct, frozen=True):
    """`parent` is the place of the message that it follows, counted from 0; it is always smaller than the message's own."""

    message: DraftMessage
    parent: int | None


def in_order(messages: Sequence[DraftMessage], current: str | None) -> list[Placed]:
    """The messages that have a role. Those between them and their next ancestor that has one are left out."""
    nodes: dict[str, DraftMessage] = {}
    for message in messages:
        nodes.setdefault(message.key, message)
    kept = {key: node for key, node in nodes.items() if node.role is not None}
    ancestors = _ancestors(nodes)
    parents = {key: ancestors[key] for key in kept}
    last = _leaf(parents, current if current in kept else ancestors.get(current or ""))
    order = list(_walk(parents, last))
    places = {key: place for place, (key, _) in enumerate(order)}
    return [Placed(kept[key], None if parent is None else places[parent]) for key, parent in order]


def is_branched(placed: Sequence[Placed]) -> bool:
    return any(each.parent != (place - 1 if place else None) for place, each in enumerate(placed))


def _ancestors(nodes: Mapping[str, DraftMessage]) -> dict[str, str | None]:
    """Of each node the next ancestor with a role; None where there is none, or where the way leads back to where it began."""
    found: dict[str, str | None] = {}
    for start in nodes:
        way: list[str] = []
        on_way: set[str] = set()
        at: str | None = start
        while at is not None and at in nodes and at not in found and at not in on_way:
            way.append(at)
            on_way.add(at)
            at = nodes[at].parent
        # `nearest` is what the last node of the way sees above it
        nearest = None if at is None or at not in found else (at if nodes[at].role is not None else found[at])
        for key in reversed(way):
            found[key] = nearest
            nearest = key if nodes[key].role is not None else nearest
    return found


def _children(parents: Mapping[str, str | None]) -> dict[str | None, list[str]]:
    children: dict[str | None, list[str]] = {}
    for key, parent in parents.items():
        children.setdefault(parent, []).append(key)
    return children


def _leaf(parents: Mapping[str, str | None], start: str | None) -> str | None:
    """The newest end below `start`; without one the last node of the file that nothing follows."""
    children = _children(parents)
    if start is None:
        return next((key for key in reversed(list(parents)) if key not in children), None)
    while start in children:
        start = children[start][-1]
    return start


def _walk(parents: Mapping[str, str | None], last: str | None) -> Iterator[tuple[str, str | None]]:
    """Each node once, after its parent, otherwise as they stand in the file; `last`, which nothing follows, at the end."""
    numbers = {key: number for number, key in enumerate(parents)}
    children = _children(parents)
    waiting: list[tuple[int, str]] = []
    for root in children.get(None, ()):
        heappush(waiting, (numbers[root], root))
    while waiting:
        _, key = heappop(waiting)
        for child in children.get(key, ()):
            heappush(waiting, (numbers[child], child))
        if key != last:
            yield key, parents[key]
    if last is not None:
        yield last, parents[last]
