"""track_video: one call for a whole video."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from seem_model.video_model import VideoModel
from tests.vos.scenes import iou, moving_shapes
from vos import Box, Mask, PromptScript, Removal, open_source, track_video
from vos.errors import PromptError, VideoError
from vos.tracking.load_model import load_model
from vos.tracking.tracker import VideoTracker
from vos.video import VideoEncoder


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=96)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames at a variable rate, the first not at time zero."""
    path = tmp_path_factory.mktemp("clip") / "shapes.mkv"
    with VideoEncoder(path, width=160, height=120, time_base=Fraction(1, 1000), codec="ffv1") as encoder:
        for index, frame in enumerate(moving_shapes(count=10).frames):
            encoder.write(frame, 500 + index * 40 + (index % 3) * 7)
    return path


def test_every_frame_gets_a_result_with_its_own_time(clip: Path, model: VideoModel) -> None:
    scene = moving_shapes(count=10)
    results = list(track_video(clip, [Mask(scene.masks[1][0])], model=model))
    assert [result.index for result in results] == list(range(10))
    with open_source(clip) as source:
        assert [result.pts for result in results] == [frame.pts for frame in source]
    assert iou(results[-1].mask_of(1), scene.masks[1][-1]) > 0.7


def test_a_folder_of_images_is_a_video_too(tmp_path: Path, model: VideoModel) -> None:
    scene = moving_shapes(count=5)
    for index, frame in enumerate(scene.frames):
        cv2.imwrite(str(tmp_path / f"{index:05d}.png"), frame[:, :, ::-1])
    results = list(track_video(str(tmp_path), [Mask(scene.masks[1][0])], model=model))
    assert len(results) == 5
    assert iou(results[-1].mask_of(1), scene.masks[1][-1]) > 0.7


def test_an_open_source_stays_open(clip: Path, model: VideoModel) -> None:
    box = [Box(20, 20, 60, 62)]
    with open_source(clip) as source:
        first = [result.labels for result in track_video(source, box, model=model)]
        second = [result.labels for result in track_video(source, box, model=model)]
        assert source.read_at(3).index == 3
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_stopping_early_ends_the_decoding_thread(clip: Path, model: VideoModel) -> None:
    before = threading.active_count()
    results = track_video(clip, [Box(20, 20, 60, 62)], model=model)
    next(results)
    assert threading.active_count() > before
    results.close()
    assert threading.active_count() == before


def test_prompts_that_cannot_be_used_are_explained(clip: Path, model: VideoModel) -> None:
    with pytest.raises(PromptError, match="no prompt"):
        next(track_video(clip, [], model=model))
    with pytest.raises(PromptError, match="box of object 2 is on frame 50, but the video ends with frame 9"):
        next(track_video(clip, [Box(20, 20, 60, 62), Box(1, 1, 9, 9, object_id=2, frame=50)], model=model))
    script = PromptScript((Box(20, 20, 60, 62),), (Removal(1, 70),))
    with pytest.raises(PromptError, match="an object is removed on frame 70, but the video ends with frame 9"):
        next(track_video(clip, script, model=model))
    with pytest.raises(PromptError, match=r"direction both needs finished frames; use vos\.track_script"):
        next(track_video(clip, [Box(20, 20, 60, 62, frame=5, direction="both")], model=model))
    with pytest.raises(VideoError, match=r"gone\.mp4"):
        next(track_video("gone.mp4", [Box(20, 20, 60, 62)], model=model))


def test_objects_come_with_their_first_annotated_frame_and_go_with_their_removal(clip: Path, model: VideoModel) -> None:
    scene = moving_shapes(count=10)
    box, again = Box(20, 20, 60, 62, frame=3), Box(30, 25, 75, 72, frame=8)
    script = PromptScript((box, again, Mask(scene.masks[1][4], object_id=2, frame=4)), (Removal(1, 6), Removal(2, 7)))
    results = list(track_video(clip, script, model=model))
    known = [(), (), (), (1,), (1, 2), (1, 2), (2,), (), (1,), (1,)]
    assert [result.object_ids for result in results] == known
    for result, ids in zip(results, known, strict=True):
        assert set(np.unique(result.labels)) - {0} <= set(ids)
        assert len(result.presence) == len(ids)
    assert results[8].labels.any()


def test_a_late_start_gives_what_the_cut_video_gives(clip: Path, model: VideoModel) -> None:
    scene = moving_shapes(count=10)
    late = list(track_video(clip, [Mask(scene.masks[1][4], frame=4)], model=model))
    tracker = VideoTracker(model)
    with open_source(clip) as source:
        cut = [
            tracker.step(frame.rgb, [Mask(scene.masks[1][4])] if frame.index == 4 else ()).labels
            for frame in source
            if frame.index >= 4
        ]
    assert not any(result.labels.any() for result in late[:4])
    assert all(np.array_equal(a.labels, b) for a, b in zip(late[4:], cut, strict=True))
