"""Tracker states on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seem_model.video_model import VideoModel
from tests.vos.scenes import moving_shapes
from vos.errors import OutputError
from vos.prompts import Mask, Prompt
from vos.runs.snapshot_file import load_state, save_state
from vos.tracking.load_model import load_model
from vos.tracking.tracker import VideoTracker


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=96)


def test_a_tracker_continues_from_disk_to_the_same_bytes(model: VideoModel, tmp_path: Path) -> None:
    scene = moving_shapes(objects=2)
    prompts: list[Prompt] = [Mask(scene.masks[i][0], object_id=i) for i in (1, 2)]
    tracker = VideoTracker(model)
    expected: list[np.ndarray] = []
    for index, frame in enumerate(scene.frames):
        if index == 9:
            path = save_state(tmp_path, tracker.snapshot())
            (tmp_path / "b").mkdir()
            again = save_state(tmp_path / "b", tracker.snapshot())
        expected.append(tracker.step(frame, prompts if index == 0 else ()).labels)
    assert path.name == again.name
    assert path.read_bytes() == again.read_bytes()

    continued = VideoTracker(model)
    continued.restore(load_state(path, model))
    assert continued.next_index == 9
    for index in range(9, len(scene.frames)):
        assert np.array_equal(continued.step(scene.frames[index]).labels, expected[index])


def test_a_fresh_tracker_can_be_saved_too(model: VideoModel, tmp_path: Path) -> None:
    state = load_state(save_state(tmp_path, VideoTracker(model).snapshot()), model)
    assert (state.next_index, state.object_ids, state.size) == (0, (), None)


def test_a_damaged_snapshot_is_named(model: VideoModel, tmp_path: Path) -> None:
    path = save_state(tmp_path, VideoTracker(model).snapshot())
    path.write_bytes(path.read_bytes()[:-3])
    for broken in (path, tmp_path / "missing.safetensors"):
        with pytest.raises(OutputError, match=broken.name):
            load_state(broken, model)
    with pytest.raises(OutputError, match="cannot be written"):
        save_state(tmp_path / "no folder", VideoTracker(model).snapshot())
