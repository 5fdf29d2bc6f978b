"""Scripts that are joined: what was said later counts, and clicks add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vos.errors import PromptError
from vos.prompts import DIRECTIONS, Box, Points, Prompt, PromptScript, Removal, Text
from vos.tracking.schedule import plan_of

BOX = Box(1, 1, 9, 9)


def test_a_later_prompt_takes_the_place_of_the_earlier_one() -> None:
    other, elsewhere = Box(2, 2, 5, 5), Box(2, 2, 5, 5, frame=3)
    merged = PromptScript((BOX, Text("a bird", object_id=2))).merge([other, elsewhere])
    assert merged.prompts == (other, Text("a bird", object_id=2), elsewhere)


def test_clicks_add_up_and_the_last_sign_counts() -> None:
    first = Points([[1, 1], [2, 2]], [[5, 5]])
    second = Points([[3, 3], [5, 5]], [[2, 2]])
    (merged,) = PromptScript((first,)).merge([second]).prompts
    assert merged == Points([[1, 1], [3, 3], [5, 5]], [[2, 2]])
    assert first == Points([[1, 1], [2, 2]], [[5, 5]])


def test_the_later_direction_holds_for_all_prompts_of_the_frame() -> None:
    merged = PromptScript((BOX,)).merge([Points([[3, 3]], direction="both")])
    assert [prompt.direction for prompt in merged.prompts] == ["both", "both"]


def test_prompts_and_removals_undo_each_other() -> None:
    script = PromptScript((BOX, Box(1, 1, 9, 9, frame=5)), (Removal(1, 3),))
    assert script.merge([Box(2, 2, 5, 5, frame=3)]).removals == ()
    removed = script.merge(PromptScript(removals=(Removal(1, 5),)))
    assert (removed.prompts, removed.removals) == ((BOX,), (Removal(1, 3), Removal(1, 5)))


def test_names_are_added_and_changed() -> None:
    merged = PromptScript((BOX,), names={1: "rabit", 2: "bird"}).merge(PromptScript(names={1: "rabbit"}))
    assert merged.names == {1: "rabbit", 2: "bird"}


frames = st.integers(0, 5)
prompts = st.lists(
    st.one_of(
        st.builds(lambda f, d: Box(1, 1, 9, 9, frame=f, direction=d), frames, st.sampled_from(DIRECTIONS)),
        st.builds(
            lambda f, i, x: Points([[x, 1]], np.zeros((0, 2)), frame=f, object_id=i), frames, st.integers(1, 2), frames
        ),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=60)
@given(first=prompts, second=prompts)
def test_merging_gives_a_script_that_makes_sense_and_says_all_that_was_said_last(
    first: list[Prompt], second: list[Prompt]
) -> None:
    a, b = PromptScript().merge(first[:1]), PromptScript()
    for prompt in first[1:]:
        a = a.merge([prompt])
    for prompt in second:
        b = b.merge([prompt])
    merged = a.merge(b)
    if merged.prompts:
        plan_of(merged)
    places = {(p.object_id, p.frame, p.kind) for p in merged.prompts}
    assert places == {(p.object_id, p.frame, p.kind) for p in (*a.prompts, *b.prompts)}
    assert len(places) == len(merged.prompts)
    boxes = {(p.object_id, p.frame): p for p in merged.prompts if isinstance(p, Box)}
    assert all(boxes[p.object_id, p.frame] == p for p in b.prompts if isinstance(p, Box))
    assert a.merge(PromptScript()) == a


def test_a_script_is_loaded_and_saved_in_one_call(tmp_path: Path) -> None:
    script = PromptScript((BOX, Box(1, 1, 9, 9, frame=5, direction="backward")), (Removal(1, 3),), {1: "rabbit"})
    script.save(tmp_path / "s.json")
    assert PromptScript.load(tmp_path / "s.json") == script


@pytest.mark.parametrize("direction", ["back", "", None, 3])
def test_a_direction_that_does_not_exist_is_refused(direction: object) -> None:
    with pytest.raises(PromptError, match="not one of forward, backward, both"):
        Box(1, 1, 9, 9, direction=direction)  # type: ignore[arg-type]
