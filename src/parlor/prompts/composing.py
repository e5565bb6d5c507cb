"""From the prompt of an agent and a user's layers over it to the prompt that the model is given.

1. `replace`: the layer with the highest priority stands in place of the agent's prompt, and the slots of that prompt are gone with it.
2. `prepend` and `append`, from the lowest priority to the highest, so that the highest stands furthest out: first, or last.
3. `slot`: the layer with the highest priority fills the slot of the agent's prompt; without one the slot's default stands there, or nothing.

Of equal priority the newer layer comes later, and so wins. Layers may name values and cannot have slots: see `templates.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Literal
from uuid import UUID

import msgspec

from parlor.prompts.templates import Piece, Slot, Value, pieces_and_slots_of, pieces_of, render

Mode = Literal["append", "prepend", "replace", "slot"]
Ignored = Literal["not_customizable", "replaced", "outranked", "slot_locked", "no_such_slot"]
"""Why a part is not in the text."""

BETWEEN = "\n\n"


def version_of(text: str) -> str:
    """12 hexadecimal digits, the same on every server: docs/decisions/0012."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class BasePrompt(msgspec.Struct, frozen=True, dict=True):
    """The prompt of an agent, and what its operator allows to be done with it."""

    agent_name: str
    text: str
    locked_slots: Sequence[str] = ()
    is_customizable: bool = True

    @cached_property
    def version(self) -> str:
        return version_of(self.text)

    @cached_property
    def pieces(self) -> tuple[Piece | Slot, ...]:
        return pieces_and_slots_of(self.text)


class Layer(msgspec.Struct, frozen=True):
    """What a user has put over an agent's prompt; `slot` is there with the mode `slot`. A newer one has the larger id."""

    id: UUID
    mode: Mode
    slot: str | None
    content: str
    priority: int
    base_version: str


class Part(msgspec.Struct, frozen=True):
    """Where a piece of the prompt comes from: `source` is a layer's id, None for the agent's own prompt. `text` is as it was written.

    A `stale` layer was written over another version of the agent's prompt; it counts all the same. An `ignored` part is not in the text, for the reason given.
    """

    source: UUID | None
    mode: Mode | Literal["base"]
    text: str
    base_version: str
    slot: str | None = None
    stale: bool = False
    ignored: Ignored | None = None


class EffectivePrompt(msgspec.Struct, frozen=True, dict=True):
    """`parts` in the order in which they stand in the text, then what fills slots, then what is ignored."""

    pieces: Sequence[Piece]
    parts: Sequence[Part]

    @cached_property
    def names(self) -> frozenset[str]:
        """The values that it uses."""
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, Value))

    def render(self, values: Mapping[str, str]) -> str:
        """The text for a model. A value that is not given stays as its tag; what is given is put in as it is, once."""
        return render(self.pieces, values)


def compose(base: BasePrompt, layers: Iterable[Layer]) -> EffectivePrompt:
    """`layers` in any order; only active ones, of one user, over this agent."""
    ordered = sorted(layers, key=lambda layer: (layer.priority, layer.id))
    if not base.is_customizable:
        return _put_together(base, None, [], {}, [_part(base, layer, "not_customizable") for layer in ordered])
    by_mode = {mode: [layer for layer in ordered if layer.mode == mode] for mode in ("append", "prepend", "replace", "slot")}
    replacing = by_mode["replace"][-1] if by_mode["replace"] else None
    fillers, unused = _fillers(base, by_mode["slot"], has_slots=replacing is None)
    outranked = [_part(base, layer, "outranked") for layer in by_mode["replace"][:-1]]
    return _put_together(base, replacing, [*by_mode["prepend"], *by_mode["append"]], fillers, [*outranked, *unused])


def _fillers(base: BasePrompt, layers: Sequence[Layer], *, has_slots: bool) -> tuple[Mapping[str, Layer], Sequence[Part]]:
    """Which layer fills which slot, and those that fill none."""
    open_slots = {piece.name for piece in base.pieces if isinstance(piece, Slot)} if has_slots else set[str]()
    fillers: dict[str, Layer] = {}
    unused: list[Part] = []
    for layer in reversed(layers):
        slot = layer.slot or ""
        if slot in base.locked_slots:
            unused.append(_part(base, layer, "slot_locked"))
        elif slot not in open_slots:
            unused.append(_part(base, layer, "no_such_slot" if has_slots else "replaced"))
        elif slot in fillers:
            unused.append(_part(base, layer, "outranked"))
        else:
            fillers[slot] = layer
    return fillers, unused


def _put_together(base: BasePrompt, replacing: Layer | None, around: Sequence[Layer], fillers: Mapping[str, Layer], ignored: Sequence[Part]) -> EffectivePrompt:
    before = [layer for layer in reversed(around) if layer.mode == "prepend"]
    after = [layer for layer in around if layer.mode == "append"]
    middle = pieces_of(replacing.content) if replacing else _filled(base, fillers)
    texts = [*(pieces_of(layer.content) for layer in before), middle, *(pieces_of(layer.content) for layer in after)]
    own = Part(None, "base", base.text, base.version, ignored="replaced" if replacing else None)
    inside = [_part(base, replacing)] if replacing else [own]
    parts = [*(_part(base, layer) for layer in before), *inside, *(_part(base, layer) for layer in after), *(_part(base, each) for each in fillers.values())]
    return EffectivePrompt(_joined(texts), (*parts, *([own] if replacing else []), *ignored))


def _filled(base: BasePrompt, fillers: Mapping[str, Layer]) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for piece in base.pieces:
        if not isinstance(piece, Slot):
            pieces.append(piece)
        elif (layer := fillers.get(piece.name)) is not None:
            pieces.extend(pieces_of(layer.content))
        elif piece.default:
            pieces.append(piece.default)
    return tuple(pieces)


def _joined(texts: Iterable[Sequence[Piece]]) -> tuple[Piece, ...]:
    """With an empty line between them; a prompt that is empty needs none."""
    pieces: list[Piece] = []
    for text in texts:
        if text and pieces:
            pieces.append(BETWEEN)
        pieces.extend(text)
    return tuple(pieces)


def _part(base: BasePrompt, layer: Layer, ignored: Ignored | None = None) -> Part:
    return Part(layer.id, layer.mode, layer.content, layer.base_version, layer.slot, layer.base_version != base.version, ignored)
