"""What a prompt script means: events of the forward pass, backward passes, and contradictions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vos.errors import PromptError
from vos.prompts import Box, Direction, Points, Prompt, PromptScript, Removal
from vos.tracking.schedule import plan_of


def box(object_id: int, frame: int, direction: Direction = "forward") -> Box:
    return Box(1, 1, 9, 9, object_id=object_id, frame=frame, direction=direction)


def click(object_id: int, frame: int, direction: Direction = "forward") -> Points:
    return Points([[3, 3]], object_id=object_id, frame=frame, direction=direction)


def test_the_order_of_a_script_does_not_matter() -> None:
    prompts: list[Prompt] = [box(2, 0), click(1, 0), box(1, 0), box(1, 7, "both"), box(2, 9, "both")]
    removals = (Removal(2, 4), Removal(1, 5))
    first = plan_of(PromptScript(tuple(prompts), removals))
    second = plan_of(PromptScript(tuple(reversed(prompts)), removals[::-1]))
    assert first == second
    assert [(p.object_id, p.kind) for p in first.prompts[0]] == [(1, "box"), (1, "points"), (2, "box")]
    assert first.last_event == 9


def test_a_backward_pass_ends_after_what_was_said_of_the_object_before() -> None:
    script = PromptScript(
        (box(1, 0), box(1, 10, "both"), box(2, 10, "backward"), box(3, 10, "both"), box(3, 2)), (Removal(3, 6),)
    )
    (back,) = plan_of(script).backward
    assert (back.frame, dict(back.ends), back.last) == (10, {1: 1, 2: 0, 3: 7}, 0)
    assert back.objects_at(10) == (2,)
    assert back.objects_at(9) == (1, 2, 3)
    assert back.objects_at(6) == (1, 2)
    assert back.objects_at(0) == (2,)
    assert back.objects_at(11) == ()


def test_the_forward_pass_does_not_know_of_backward_prompts() -> None:
    plan = plan_of(PromptScript((box(1, 0), box(1, 5, "backward"), box(2, 5, "both"))))
    assert {frame: [p.object_id for p in own] for frame, own in plan.prompts.items()} == {0: [1], 5: [2]}


def test_the_highest_frame_goes_back_first_and_a_pass_without_frames_is_left_out() -> None:
    plan = plan_of(PromptScript((box(1, 0, "both"), box(1, 4, "both"), box(2, 8, "both"), box(1, 5, "both"))))
    assert [back.frame for back in plan.backward] == [8, 4]


@pytest.mark.parametrize(
    ("prompts", "removals", "message"),
    [
        ([], [], "no prompt: mark at least one object"),
        ([box(1, 0), box(1, 0)], [], "box of object 1 on frame 0 is given twice"),
        (
            [box(1, 3, "both"), click(1, 3)],
            [],
            "points of object 1 on frame 3 has direction forward, its box there has both",
        ),
        ([box(1, 0)], [Removal(2, 5)], "removal of object 2 on frame 5: the object is not tracked there"),
        ([box(1, 5)], [Removal(1, 3)], "removal of object 1 on frame 3: the object is not tracked there"),
        ([box(1, 0, "backward")], [Removal(1, 3)], "the object is not tracked there"),
        ([box(1, 0)], [Removal(1, 3), Removal(1, 5)], "removal of object 1 on frame 5: the object is not tracked"),
        ([box(1, 0)], [Removal(1, 3), Removal(1, 3)], "is given twice"),
        ([box(1, 0), box(1, 3)], [Removal(1, 3, "s.json")], r"s\.json: removal .* is prompted on that frame too"),
    ],
)
def test_contradictions_are_explained(prompts: Sequence[Prompt], removals: Sequence[Removal], message: str) -> None:
    with pytest.raises(PromptError, match=message):
        plan_of(PromptScript(tuple(prompts), tuple(removals)))


def test_an_object_can_be_removed_and_brought_back() -> None:
    plan = plan_of(PromptScript((box(1, 0), box(1, 6)), (Removal(1, 3), Removal(1, 8))))
    assert plan.removals == {3: (1,), 8: (1,)}
