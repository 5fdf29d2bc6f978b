"""Marks on an object that is known: obeyed to the pixel, nothing else changes, other objects keep what is theirs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seem_model.video_model import VideoModel
from tests.vos.scenes import iou, moving_shapes
from vos.errors import PromptError
from vos.prompts import Box, Mask, Points, Prompt, PromptScript, Stroke
from vos.tracking.load_model import load_model
from vos.tracking.schedule import plan_of
from vos.tracking.target import TrackerState
from vos.tracking.tracker import VideoTracker

SCENE = moving_shapes(objects=2)
HEIGHT, WIDTH = SCENE.frames[0].shape[:2]


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=128)


@pytest.fixture(scope="module")
def state(model: VideoModel) -> TrackerState:
    """After three frames of two objects."""
    tracker = VideoTracker(model)
    for index in range(3):
        tracker.step(SCENE.frames[index], masks() if index == 0 else [])
    return tracker.snapshot()


def masks() -> list[Prompt]:
    return [Mask(SCENE.masks[i][0], object_id=i) for i in (1, 2)]


def corrected(model: VideoModel, state: TrackerState, prompts: list[Prompt]) -> np.ndarray:
    tracker = VideoTracker(model)
    tracker.restore(state)
    return tracker.step(SCENE.frames[3], prompts).labels


COORDINATES = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    clicks=st.lists(st.tuples(COORDINATES, st.booleans()), min_size=1, max_size=5, unique_by=lambda click: click[0]),
    line=st.none() | st.lists(COORDINATES, min_size=2, max_size=3),
)
def test_every_mark_is_obeyed(
    model: VideoModel,
    state: TrackerState,
    clicks: list[tuple[tuple[int, int], bool]],
    line: list[tuple[int, int]] | None,
) -> None:
    on, off = ([(x + 0.5, y + 0.5) for (x, y), sign in clicks if sign is wanted] for wanted in (True, False))
    prompts: list[Prompt] = [Points(on, off, tuple(sign for _, sign in clicks))]
    erased = np.zeros((HEIGHT, WIDTH), bool)
    for (x, y), sign in clicks:
        erased[y, x] = not sign
    painted = np.zeros((HEIGHT, WIDTH), bool)
    if line is not None:
        stroke = Stroke([line], width=3)
        painted = stroke.rasterise(WIDTH, HEIGHT)
        prompts.append(stroke)
    labels = corrected(model, state, prompts)
    for (x, y), sign in clicks:
        assert not sign or labels[y, x] == 1
    assert (labels[painted & ~erased] == 1).all()
    assert (labels[erased] != 1).all()


def test_what_no_mark_asks_for_stays_to_the_pixel(model: VideoModel, state: TrackerState) -> None:
    before = corrected(model, state, [])
    rows, columns = np.nonzero(before == 1)
    # In the middle of the object: there is nothing to change.
    middle = Points([(columns.mean() + 0.5, rows.mean() + 0.5)])
    assert np.array_equal(corrected(model, state, [middle]), before)


def test_a_negative_click_takes_away_and_no_more_than_there_was(model: VideoModel, state: TrackerState) -> None:
    before = corrected(model, state, []) == 1
    rows, columns = np.nonzero(before)
    x, y = int(columns.min()), int(rows[columns.argmin()])
    after = corrected(model, state, [Points(np.zeros((0, 2)), [(x + 0.5, y + 0.5)])]) == 1
    assert not after[y, x]
    assert not (after & ~before).any()
    assert iou(after, before) > 0.5


def test_a_mark_takes_nothing_from_another_object_that_it_does_not_lie_on(
    model: VideoModel, state: TrackerState
) -> None:
    before = corrected(model, state, [])
    rows, columns = np.nonzero((before == 0) & (np.arange(WIDTH) > 2)[None])
    free = Points([(columns[0] + 0.5, rows[0] + 0.5)])
    after = corrected(model, state, [free])
    assert ((after == 2) == (before == 2)).all()


def test_a_correction_is_remembered(model: VideoModel, state: TrackerState) -> None:
    tracker = VideoTracker(model)
    tracker.restore(state)
    tracker.step(SCENE.frames[3], [Points([(5.5, 5.5)])])
    assert sum(entry.memory.pinned and not entry.whole for entry in tracker.snapshot().entries) > sum(
        entry.memory.pinned and not entry.whole for entry in state.entries
    )


def test_an_object_that_is_not_seen_has_nothing_to_take_away(model: VideoModel) -> None:
    tracker = VideoTracker(model)
    tracker.step(SCENE.frames[0], [Mask(SCENE.masks[1][0])])
    blank = np.full_like(SCENE.frames[0], 90)
    for _ in range(4):
        tracker.step(blank)
    result = tracker.step(blank, [Points(np.zeros((0, 2)), [(4.5, 4.5)])])
    assert (result.labels == 0).all()


def test_a_negative_click_alone_finds_nothing(model: VideoModel) -> None:
    with pytest.raises(PromptError, match="say only what the object is not"):
        VideoTracker(model).step(SCENE.frames[0], [Points(np.zeros((0, 2)), [(4.5, 4.5)])])


def test_replacing_forgets_the_tracked_mask(model: VideoModel) -> None:
    rows, columns = np.nonzero(SCENE.masks[2][3])
    at = (columns.mean() + 0.5, rows.mean() + 0.5)
    tracker = VideoTracker(model)
    tracker.step(SCENE.frames[2], [Mask(SCENE.masks[1][2])])
    afresh = tracker.step(SCENE.frames[3], [Points([at], replaces=True)]).labels == 1
    alone = VideoTracker(model).step(SCENE.frames[3], [Points([at])]).labels == 1
    assert iou(afresh, alone) > 0.9


def test_clicks_correct_what_the_ones_before_gave(model: VideoModel) -> None:
    rows, columns = np.nonzero(SCENE.masks[1][0])
    x, y = columns.mean() + 0.5, rows.mean() + 0.5
    tracker = VideoTracker(model)
    one = tracker.step(SCENE.frames[0], [Points([(x, y)])]).labels
    two = VideoTracker(model).step(SCENE.frames[0], [Points([(x, y)], [(2.5, 2.5)])]).labels
    assert iou(one == 1, two == 1) > 0.9


def test_the_order_of_clicks_is_kept() -> None:
    first = Points([(1, 1)], [(2, 2)], (False, True))
    assert first.clicks == ((2.0, 2.0, False), (1.0, 1.0, True))
    merged = PromptScript((first,)).merge([Points([(3, 3)])]).prompts[0]
    assert isinstance(merged, Points)
    assert merged.clicks == (*first.clicks, (3.0, 3.0, True))
    with pytest.raises(PromptError, match="the order has 1 positive and 1 negative clicks, but 2 and 0 are given"):
        Points([(1, 1), (2, 2)], order=(True, False))


@pytest.mark.parametrize(
    ("later", "says"),
    [
        (Points(np.zeros((0, 2)), [(4, 4)], frame=0), "are all negative; give"),
        (Points(np.zeros((0, 2)), [(4, 4)], frame=5, direction="both"), "with direction both the object starts there"),
        (Points(np.zeros((0, 2)), [(4, 4)], frame=5, replaces=True), "with --replace the object starts there"),
    ],
)
def test_negative_clicks_need_a_mask_to_correct(later: Points, says: str) -> None:
    first: list[Prompt] = [] if later.frame == 0 else [Points([(3, 3)])]
    with pytest.raises(PromptError, match=says):
        plan_of(PromptScript((*first, later) if first else (later,)))


def test_negative_clicks_alone_are_a_correction() -> None:
    script = PromptScript((Points([(3, 3)]), Points(np.zeros((0, 2)), [(4, 4)], frame=5)))
    assert set(plan_of(script).prompts) == {0, 5}


def test_marks_beside_a_mask_are_obeyed_too(model: VideoModel) -> None:
    mask = SCENE.masks[1][0]
    rows, columns = np.nonzero(mask)
    inside = (columns[0] + 0.5, rows[0] + 0.5)
    labels = VideoTracker(model).step(SCENE.frames[0], [Mask(mask), Points([(1.5, 1.5)], [inside])]).labels == 1
    expected = mask.copy()
    expected[1, 1], expected[rows[0], columns[0]] = True, False
    assert np.array_equal(labels, expected)


def test_a_box_beside_a_mask_of_the_same_object_is_refused(model: VideoModel) -> None:
    with pytest.raises(PromptError, match="box of object 1 comes with a mask of the same object"):
        VideoTracker(model).step(SCENE.frames[0], [Mask(SCENE.masks[1][0]), Box(1, 1, 9, 9)])
