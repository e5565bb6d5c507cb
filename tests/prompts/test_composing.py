from collections.abc import Sequence
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlor.prompts import BasePrompt, EffectivePrompt, Layer, Mode
from parlor.prompts.composing import compose, version_of

BASE = BasePrompt("assistant", "Be {{slot:tone|kind}} to {{user.display_name}}.{{slot:more}}")


def layer(number: int, mode: Mode, content: str, *, slot: str | None = None, priority: int = 0, version: str = BASE.version) -> Layer:
    """A larger number is newer."""
    return Layer(UUID(int=number), mode, slot, content, priority, version)


def text_of(prompt: EffectivePrompt) -> str:
    return prompt.render({"user.display_name": "Ann"})


def ignored(prompt: EffectivePrompt) -> dict[int | str, str]:
    return {part.source.int if part.source else "base": part.ignored for part in prompt.parts if part.ignored}


def test_without_layers_it_is_the_prompt_of_the_agent_with_the_defaults_of_its_slots() -> None:
    prompt = compose(BASE, [])
    assert text_of(prompt) == "Be kind to Ann."
    assert prompt.names == {"user.display_name"}
    [part] = prompt.parts
    assert (part.source, part.mode, part.text, part.base_version, part.stale) == (None, "base", BASE.text, BASE.version, False)


def test_the_highest_priority_stands_furthest_out_and_of_equals_the_newer() -> None:
    layers = [
        layer(1, "append", "a1"),
        layer(2, "append", "a2", priority=5),
        layer(3, "append", "a3"),
        layer(4, "prepend", "p4"),
        layer(5, "prepend", "p5", priority=5),
        layer(6, "prepend", "p6"),
    ]
    prompt = compose(BASE, layers)
    assert text_of(prompt).split("\n\n") == ["p5", "p6", "p4", "Be kind to Ann.", "a1", "a3", "a2"]
    assert [part.text for part in prompt.parts] == ["p5", "p6", "p4", BASE.text, "a1", "a3", "a2"]


def test_of_layers_that_replace_the_highest_counts_and_the_prompt_of_the_agent_goes_with_its_slots() -> None:
    layers = [
        layer(1, "replace", "one", priority=1),
        layer(2, "replace", "two {{slot:tone}} {{user.display_name}}", priority=2),
        layer(3, "replace", "three"),
        layer(4, "append", "after"),
        layer(5, "slot", "rude", slot="tone"),
    ]
    prompt = compose(BASE, layers)
    assert text_of(prompt) == "two {{slot:tone}} Ann\n\nafter"
    assert ignored(prompt) == {"base": "replaced", 1: "outranked", 3: "outranked", 5: "replaced"}


def test_a_slot_is_filled_by_the_highest_layer_with_values_and_without_slots() -> None:
    layers = [
        layer(1, "slot", "rude", slot="tone", priority=-1),
        layer(2, "slot", "old", slot="tone"),
        layer(3, "slot", "{{user.display_name}}'s {{slot:more}}", slot="tone"),
        layer(4, "slot", "x", slot="nowhere"),
    ]
    prompt = compose(BASE, layers)
    assert text_of(prompt) == "Be Ann's {{slot:more}} to Ann."
    assert ignored(prompt) == {1: "outranked", 2: "outranked", 4: "no_such_slot"}
    assert [(part.source, part.slot) for part in prompt.parts if not part.ignored] == [(None, None), (UUID(int=3), "tone")]


def test_a_slot_that_was_locked_later_keeps_its_default() -> None:
    locked = BasePrompt("assistant", BASE.text, locked_slots=("tone",))
    prompt = compose(locked, [layer(1, "slot", "rude", slot="tone"), layer(2, "slot", " Thanks.", slot="more")])
    assert text_of(prompt) == "Be kind to Ann. Thanks."
    assert ignored(prompt) == {1: "slot_locked"}


def test_an_agent_that_is_not_to_be_customized_keeps_its_prompt() -> None:
    fixed = BasePrompt("assistant", BASE.text, is_customizable=False)
    prompt = compose(fixed, [layer(1, "replace", "mine"), layer(2, "slot", "rude", slot="tone"), layer(3, "append", "more")])
    assert text_of(prompt) == "Be kind to Ann."
    assert ignored(prompt) == dict.fromkeys((1, 2, 3), "not_customizable")


def test_a_layer_over_an_older_prompt_is_stale_and_counts() -> None:
    prompt = compose(BASE, [layer(1, "append", "old", version=version_of("before")), layer(2, "append", "new")])
    assert text_of(prompt) == "Be kind to Ann.\n\nold\n\nnew"
    assert [part.stale for part in prompt.parts] == [False, True, False]
    assert prompt.parts[1].base_version == version_of("before") != BASE.version


def test_a_version_is_that_of_the_text_alone() -> None:
    assert version_of("You are a helpful assistant.") == "75357d685f23"
    assert BasePrompt("a", "x").version == BasePrompt("b", "x", ("tone",), is_customizable=False).version


def test_an_empty_prompt_of_an_agent_leaves_no_empty_lines() -> None:
    assert text_of(compose(BasePrompt("bare", ""), [layer(1, "append", "a"), layer(2, "prepend", "p")])) == "p\n\na"
    assert compose(BasePrompt("bare", ""), []).render({}) == ""


def test_tags_that_only_meet_by_composing_are_none() -> None:
    base = BasePrompt("odd", "{{slot:a}}user.display_name{{slot:b}}")
    prompt = compose(base, [layer(1, "slot", "{{", slot="a"), layer(2, "slot", "}}", slot="b")])
    assert prompt.render({"user.display_name": "Ann"}) == "{{user.display_name}}"


layers_of_anybody = st.lists(
    st.builds(
        lambda mode, content, slot, priority: (mode, content, slot if mode == "slot" else None, priority),
        st.sampled_from(["append", "prepend", "replace", "slot"]),
        st.sampled_from(["x", "{{slot:tone|mine}}", "{{slot:secret}}", "{{date}}", "{{history}}", "{{7*7}}", "{{", "slot:tone}}"]),
        st.sampled_from(["tone", "secret", "nowhere"]),
        st.integers(-2, 2),
    ),
    max_size=8,
).map(lambda rows: [layer(number, mode, content, slot=slot, priority=priority) for number, (mode, content, slot, priority) in enumerate(rows, start=1)])


@given(layers_of_anybody, st.randoms())
def test_every_layer_is_told_of_once_and_the_order_they_come_in_does_not_matter(layers: Sequence[Layer], random: object) -> None:
    base = BasePrompt("assistant", "{{slot:tone|kind}} {{slot:secret|LOCKED}} {{date}}", locked_slots=("secret",))
    prompt = compose(base, layers)
    shuffled = list(layers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert compose(base, shuffled) == prompt
    assert sorted(part.source.int if part.source else 0 for part in prompt.parts) == [0, *range(1, len(layers) + 1)]
    values = {"date": "{{slot:tone}}", "history": "{{date}}"}
    text = prompt.render(values)
    replaced = any(each.mode == "replace" for each in layers)
    assert replaced or "LOCKED" in text
    written = "".join(part.text for part in prompt.parts if not part.ignored)
    assert ("{{history}}" in written) == ("history" in prompt.names)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_age_is_told_by_the_id(order: tuple[int, ...]) -> None:
    layers = [layer(number + 1, "append", str(number)) for number in range(3)]
    assert compose(BasePrompt("a", ""), [layers[at] for at in order]).render({}) == "0\n\n1\n\n2"
