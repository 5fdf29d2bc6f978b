"""VideoTracker: what one object, several objects, prompts and snapshots do."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from seem_model.errors import ModelInputError
from seem_model.video_model import VideoModel
from tests.vos.scenes import iou, moving_shapes
from vos.errors import PromptError, VideoError
from vos.prompts import Box, Mask, Points, Polygon, Prompt, ReferenceImage, Stroke, Text
from vos.tracking.load_model import load_model
from vos.tracking.tracker import VideoTracker


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=160)


def run(tracker: VideoTracker, frames: list[np.ndarray], prompts: list[Prompt]) -> list[np.ndarray]:
    return [tracker.step(frame, prompts if i == 0 else ()).labels for i, frame in enumerate(frames)]


def test_a_mask_on_the_first_frame_follows_the_object(model: VideoModel) -> None:
    scene = moving_shapes()
    labels = run(VideoTracker(model), scene.frames, [Mask(scene.masks[1][0])])
    assert np.array_equal(labels[0] == 1, scene.masks[1][0])
    scores = [iou(found == 1, truth) for found, truth in zip(labels, scene.masks[1], strict=True)]
    assert min(scores) > 0.75
    assert labels[-1].dtype == np.uint16


@pytest.mark.parametrize("kind", ["stroke", "box", "point", "polygon"])
def test_any_visual_prompt_on_the_first_frame_finds_the_object(model: VideoModel, kind: str) -> None:
    scene = moving_shapes()
    rows, columns = np.nonzero(scene.masks[1][0])
    x, y = columns.mean() + 0.5, rows.mean() + 0.5
    radius = (columns.max() - columns.min()) / 2
    angles = np.linspace(0, 2 * np.pi, 9)[:-1]
    ring = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1)
    prompt: Prompt = {
        "stroke": lambda: Stroke(([(x - radius * 0.6, y - 3), (x, y), (x + radius * 0.6, y + 4)],), width=4),
        "box": lambda: Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1),
        "point": lambda: Points([(x, y)]),
        "polygon": lambda: Polygon([ring]),
    }[kind]()
    labels = run(VideoTracker(model), scene.frames, [prompt])
    assert iou(labels[0] == 1, scene.masks[1][0]) > 0.7
    assert iou(labels[-1] == 1, scene.masks[1][-1]) > 0.7


def test_three_objects_keep_their_ids(model: VideoModel) -> None:
    scene = moving_shapes(objects=3)
    prompts: list[Prompt] = [Mask(scene.masks[i][0], object_id=i * 10) for i in (1, 2, 3)]
    labels = run(VideoTracker(model), scene.frames, prompts)
    for i in (1, 2, 3):
        assert iou(labels[-1] == i * 10, scene.masks[i][-1]) > 0.7
    assert set(np.unique(labels[-1])) <= {0, 10, 20, 30}


def test_an_object_prompted_later_is_added_without_losing_the_first(model: VideoModel) -> None:
    scene = moving_shapes(objects=2)
    tracker = VideoTracker(model)
    for i, frame in enumerate(scene.frames):
        prompts: list[Prompt] = []
        if i == 0:
            prompts = [Mask(scene.masks[2][0], object_id=7)]
        elif i == 4:
            prompts = [Mask(scene.masks[1][4], object_id=3)]
        result = tracker.step(frame, prompts)
        assert result.object_ids == ((7,) if i < 4 else (3, 7))
    assert iou(result.labels == 7, scene.masks[2][-1]) > 0.7
    assert iou(result.labels == 3, scene.masks[1][-1]) > 0.7


def test_a_removed_object_is_gone_and_the_other_stays(model: VideoModel) -> None:
    scene = moving_shapes(objects=2)
    tracker = VideoTracker(model)
    tracker.step(scene.frames[0], [Mask(scene.masks[i][0], object_id=i) for i in (1, 2)])
    tracker.step(scene.frames[1])
    tracker.remove_object(1)
    result = tracker.step(scene.frames[2])
    assert result.object_ids == (2,)
    assert iou(result.labels == 2, scene.masks[2][2]) > 0.7
    with pytest.raises(PromptError, match="object 1 is not being tracked; tracked objects: 2"):
        tracker.remove_object(1)


def test_after_the_last_object_is_removed_a_new_one_can_be_prompted(model: VideoModel) -> None:
    scene = moving_shapes(objects=2)
    tracker = VideoTracker(model)
    tracker.step(scene.frames[0], [Mask(scene.masks[1][0])])
    tracker.remove_object(1)
    with pytest.raises(PromptError, match="frame 1 has no prompt"):
        tracker.step(scene.frames[1])
    tracker.step(scene.frames[1], [Mask(scene.masks[2][1], object_id=5)])
    result = tracker.step(scene.frames[2])
    assert result.object_ids == (5,)
    assert iou(result.mask_of(5), scene.masks[2][2]) > 0.7


def test_two_runs_give_identical_labels(model: VideoModel) -> None:
    scene = moving_shapes(objects=2)
    prompts: list[Prompt] = [Mask(scene.masks[i][0], object_id=i) for i in (1, 2)]
    first = run(VideoTracker(model), scene.frames, prompts)
    second = run(VideoTracker(model), scene.frames, prompts)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_restored_snapshot_continues_exactly(model: VideoModel) -> None:
    scene = moving_shapes(objects=2)
    prompts: list[Prompt] = [Mask(scene.masks[i][0], object_id=i) for i in (1, 2)]
    whole = VideoTracker(model)
    labels = run(whole, scene.frames, prompts)
    interrupted = VideoTracker(model)
    run(interrupted, scene.frames[:7], prompts)
    continued = VideoTracker(model)
    continued.restore(interrupted.snapshot())
    assert continued.next_index == 7
    rest = [continued.step(frame).labels for frame in scene.frames[7:]]
    assert all(np.array_equal(a, b) for a, b in zip(labels[7:], rest, strict=True))


def test_memory_stays_bounded_over_many_frames(model: VideoModel) -> None:
    scene = moving_shapes()
    tracker = VideoTracker(model)
    tracker.step(scene.frames[0], [Mask(scene.masks[1][0])])
    for i in range(60):
        tracker.step(scene.frames[i % len(scene.frames)])
        state = tracker.snapshot()
        # The annotated frame is kept twice: around the object, and as a whole.
        assert sum(entry.memory.pinned for entry in state.entries) <= 2
        assert len(state.entries) <= 2 + tracker.policy.recent_frames


def test_results_carry_the_time_of_their_frame(model: VideoModel) -> None:
    scene = moving_shapes()
    tracker = VideoTracker(model)
    result = tracker.step(scene.frames[0], [Mask(scene.masks[1][0])], pts=9000, time_base=Fraction(1, 90000))
    assert (result.index, result.pts, result.time) == (0, 9000, 0.1)
    assert tracker.step(scene.frames[1]).pts == 1


def test_soft_masks_come_at_source_size_when_asked_for(model: VideoModel) -> None:
    scene = moving_shapes(objects=2)
    tracker = VideoTracker(model, keep_soft_masks=True)
    prompts = [Mask(scene.masks[i][0], object_id=i) for i in (1, 2)]
    tracker.step(scene.frames[0], prompts)
    soft = tracker.step(scene.frames[1]).soft_masks
    assert soft is not None
    assert soft.shape == (2, 120, 160)
    assert soft.dtype == np.float32
    assert 0 <= soft.min() <= soft.max() <= 1


def test_mistakes_are_explained(model: VideoModel) -> None:
    frame = moving_shapes().frames[0]
    with pytest.raises(PromptError, match="frame 0 has no prompt"):
        VideoTracker(model).step(frame)
    with pytest.raises(PromptError, match="100x100"):
        VideoTracker(model).step(frame, [Mask(np.ones((100, 100), bool))])
    with pytest.raises(ModelInputError, match="needs a SEEM checkpoint"):
        VideoTracker(model).step(frame, [Text(text="the disc")])
    with pytest.raises(VideoError, match="uint8"):
        VideoTracker(model).step(frame.astype(np.float32), [Box(1, 1, 20, 20)])
    tracker = VideoTracker(model)
    result = tracker.step(frame, [Box(20, 20, 60, 60)])
    with pytest.raises(PromptError, match="object 7 is not known at frame 0; known objects: 1"):
        result.mask_of(7)
    with pytest.raises(VideoError, match=r"frame 1: expected an .* not NoneType; the video may have ended"):
        tracker.step(None)  # type: ignore[arg-type]
    with pytest.raises(VideoError, match=r"frame 1 is 80x60, the frames before were 160x120"):
        tracker.step(np.zeros((60, 80, 3), np.uint8))


@pytest.mark.parametrize("step", [1, 2])
def test_an_object_shown_in_another_picture_is_found_and_followed(model: VideoModel, step: int) -> None:
    scene = moving_shapes(objects=2)
    # A part of an earlier frame, of another shape and size than the frames that are tracked.
    image, mask = (np.ascontiguousarray(x[::step, :90:step]) for x in (scene.frames[0], scene.masks[1][0]))
    tracker = VideoTracker(model)
    prompts = [ReferenceImage(image, Mask(mask), object_id=4), Mask(scene.masks[2][4], object_id=2)]
    labels = [tracker.step(frame, prompts if i == 0 else ()).labels for i, frame in enumerate(scene.frames[4:])]
    for i, found in enumerate(labels):
        assert iou(found == 4, scene.masks[1][4 + i]) > 0.6
        assert iou(found == 2, scene.masks[2][4 + i]) > 0.6


def test_frames_without_objects_can_be_skipped(model: VideoModel) -> None:
    scene = moving_shapes()
    tracker = VideoTracker(model)
    result = tracker.skip(scene.frames[0], pts=500, time_base=Fraction(1, 1000))
    assert (result.index, result.time, result.object_ids, result.presence) == (0, 0.5, (), ())
    assert (result.labels.shape, result.labels.dtype, result.labels.any()) == ((120, 160), np.uint16, False)
    assert tracker.step(scene.frames[1], [Mask(scene.masks[1][1])]).index == 1
    with pytest.raises(PromptError, match="frame 2 cannot be skipped"):
        tracker.skip(scene.frames[2])


def test_a_failed_first_frame_leaves_the_tracker_fresh(model: VideoModel) -> None:
    scene = moving_shapes()
    tracker = VideoTracker(model)
    with pytest.raises(PromptError):
        tracker.step(scene.frames[0], [Mask(np.ones((10, 10), bool))])
    small = [np.ascontiguousarray(frame[::2, ::2]) for frame in scene.frames[:2]]
    assert tracker.step(small[0], [Box(10, 10, 30, 30)]).index == 0
    assert tracker.step(small[1]).index == 1


def test_clicks_count_one_by_one_or_as_one_prompt(model: VideoModel) -> None:
    scene = moving_shapes()
    clicks = [Points([[44, 43]]), Points([], [[80, 43]]), Points([[36, 50]])]
    together = Points([[44, 43], [36, 50]], [[80, 43]], order=(True, False, True))
    one_by_one = VideoTracker(model).step(scene.frames[0], clicks).labels
    assert np.array_equal(one_by_one, VideoTracker(model).step(scene.frames[0], [together]).labels)
    assert (one_by_one[50, 36], one_by_one[43, 80]) == (1, 0)
