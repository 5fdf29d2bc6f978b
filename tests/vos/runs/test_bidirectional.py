"""Prompts that apply to the frames before them: backward passes, put together with the forward pass."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seem_model.video_model import VideoModel
from tests.vos.runs.folder_contents import hashes
from tests.vos.scenes import iou, moving_shapes, write_at_a_variable_rate
from vos import correct_run, open_source, revise_run, track_script
from vos.errors import PromptError
from vos.files.index_png import read_palette_png
from vos.prompts import Box, Mask, PromptScript
from vos.runs.options import Observer, RunOptions
from vos.runs.verify import verify_run
from vos.tracking.load_model import load_model
from vos.video.backwards import backwards

FRAMES = 10
OFTEN = RunOptions(snapshot_every=3)
SCENE = moving_shapes(count=FRAMES, objects=2, height=64, width=96)
FIRST = Mask(SCENE.masks[1][0])
LATE = Mask(SCENE.masks[2][6], object_id=2, frame=6, direction="both")
SCRIPT = PromptScript((FIRST, LATE))


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=64)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_at_a_variable_rate(SCENE, tmp_path_factory.mktemp("clip") / "shapes.mp4")


@pytest.fixture(scope="module")
def forward(clip: Path, model: VideoModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the same script without directions."""
    output = tmp_path_factory.mktemp("forward") / "out"
    script = PromptScript((FIRST, replace(LATE, direction="forward")))
    track_script(clip, script, output, model=model, overlay=True, options=OFTEN)
    return output


@pytest.fixture(scope="module")
def both(clip: Path, model: VideoModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("both") / "out"
    seen: list[tuple[int, int | None]] = []
    outcome = track_script(
        clip,
        SCRIPT,
        output,
        model=model,
        overlay=True,
        options=OFTEN,
        observer=Observer(lambda done, total: seen.append((done, total))),
    )
    assert seen == [(done, FRAMES + 7) for done in range(1, FRAMES + 8)]
    assert (outcome.frames, outcome.tracked, outcome.went_back) == (FRAMES, FRAMES + 7, ((0, 6),))
    return output


def masks(output: Path) -> list[np.ndarray]:
    return [read_palette_png(path) for path in sorted((output / "masks").glob("*.png"))]


def test_an_object_annotated_late_is_found_in_the_frames_before(both: Path, forward: Path, clip: Path) -> None:
    labels, before = masks(both), masks(forward)
    assert all(np.array_equal(labels[i], before[i]) for i in range(6, FRAMES)), "frames after it are as without"
    for index in range(6):
        assert not (before[index] == 2).any()
        assert iou(labels[index] == 2, SCENE.masks[2][index]) > 0.6
        assert iou(labels[index] == 1, SCENE.masks[1][index]) > 0.6
    record = json.loads((both / "run.json").read_text())
    assert (record["status"], record["objects"]["2"]["frames"]) == ("done", FRAMES)
    assert (both / "overlay.mp4").exists()
    assert verify_run(str(clip), both).difference is None


def test_a_backward_prompt_leaves_the_frames_after_it_alone(
    clip: Path, model: VideoModel, tmp_path: Path, forward: Path
) -> None:
    new = Mask(SCENE.masks[2][3], object_id=3, frame=3, direction="backward")
    output = tmp_path / "out"
    track_script(clip, PromptScript((FIRST, replace(LATE, direction="forward"), new)), output, model=model)
    labels, before = masks(output), masks(forward)
    assert [bool((frame == 3).any()) for frame in labels] == [True] * 4 + [False] * 6
    assert np.array_equal(labels[3] == 3, SCENE.masks[2][3])
    assert all(np.array_equal(labels[i], before[i]) for i in range(4, FRAMES))


def test_all_prompts_can_be_backward(clip: Path, model: VideoModel, tmp_path: Path) -> None:
    script = PromptScript((replace(FIRST, frame=4, pixels=SCENE.masks[1][4], direction="backward"),))
    outcome = track_script(clip, script, tmp_path / "out", model=model)
    assert (outcome.frames, outcome.tracked) == (FRAMES, 5)
    assert [bool(frame.any()) for frame in masks(tmp_path / "out")] == [True] * 5 + [False] * 5


def test_a_backward_correction_recomputes_the_frames_since_the_last_annotation_only(
    clip: Path, model: VideoModel, tmp_path: Path, forward: Path
) -> None:
    output = Path(shutil.copytree(forward, tmp_path / "out"))
    correction = Mask(SCENE.masks[1][5], frame=5, direction="backward")
    report = correct_run(output, [correction], model=model)
    assert (report.frames_recomputed, report.first, report.last, report.frames_tracked) == (5, 1, 5, 5)
    labels, before = masks(output), masks(forward)
    assert all(np.array_equal(labels[i], before[i]) for i in (0, *range(6, FRAMES)))
    assert np.array_equal(labels[5] == 1, SCENE.masks[1][5])
    fresh = tmp_path / "fresh"
    script = PromptScript((FIRST, replace(LATE, direction="forward"), correction))
    track_script(clip, script, fresh, model=model, overlay=True, options=OFTEN)
    assert hashes(output, without="snapshots") == hashes(fresh, without="snapshots")


def test_a_forward_correction_of_a_run_both_ways_is_the_run_of_the_merged_script(
    clip: Path, model: VideoModel, tmp_path: Path, both: Path
) -> None:
    output = Path(shutil.copytree(both, tmp_path / "out"))
    correction = Mask(SCENE.masks[1][8], frame=8)
    report = correct_run(output, [correction], model=model, options=OFTEN)
    assert (report.first, report.last, report.frames_recomputed) == (8, 9, 2), "the backward pass from 6 stays"
    assert report.frames_tracked == FRAMES - 6
    fresh = tmp_path / "fresh"
    track_script(clip, SCRIPT.merge([correction]), fresh, model=model, overlay=True, options=OFTEN)
    assert hashes(output, without="snapshots") == hashes(fresh, without="snapshots")
    revise_run(output, SCRIPT, model=model, options=OFTEN)
    assert hashes(output, without="snapshots") == hashes(both, without="snapshots")


def test_a_run_both_ways_that_was_stopped_goes_on(clip: Path, model: VideoModel, tmp_path: Path, both: Path) -> None:
    output = tmp_path / "out"
    for at in (4, FRAMES + 3):
        stop = threading.Event()
        outcome = track_script(
            clip,
            SCRIPT,
            output,
            model=model,
            overlay=True,
            options=replace(OFTEN, resume=True),
            observer=Observer(lambda done, total, at=at, stop=stop: stop.set() if done == at else None, stop=stop),
        )
        assert outcome.is_interrupted
    outcome = track_script(clip, SCRIPT, output, model=model, overlay=True, options=replace(OFTEN, resume=True))
    assert outcome.tracked == 7, "the forward pass is there, the backward pass starts over"
    assert hashes(output, without="snapshots") == hashes(both, without="snapshots")


def test_a_backward_prompt_beyond_the_end_is_refused_at_once(clip: Path, model: VideoModel, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="is on frame 50, but the video ends with frame 9"):
        track_script(clip, [Box(1, 1, 9, 9, frame=50, direction="both")], tmp_path / "out", model=model)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("window", [1, 3, 100])
def test_frames_come_backwards_as_they_come_forwards(clip: Path, window: int) -> None:
    with open_source(clip) as source:
        frames = list(source)
        found = list(backwards(source, 8, 2, window_bytes=window * 3 * 96 * 64))
    assert [frame.index for frame in found] == list(range(8, 1, -1))
    for frame in found:
        assert frame.pts == frames[frame.index].pts
        assert np.array_equal(frame.rgb, frames[frame.index].rgb)
