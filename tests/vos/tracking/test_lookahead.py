"""Views of the next frame are encoded early, and nothing but time depends on it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.vos.scenes import moving_shapes
from vos.prompts import Mask, Prompt
from vos.tracking.load_model import load_model
from vos.tracking.tracker import VideoTracker

pytest.importorskip("onnxruntime")


class Watched:
    """A model that counts the views that it encodes, and those that it encodes in other threads."""

    def __init__(self) -> None:
        self._model = load_model("compact", device="cpu", short_side=96, engine="onnxruntime", threads=2)
        self.encoded = self.ahead = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode_images(self, views: Sequence[np.ndarray]) -> Any:
        self.encoded += len(views)
        self.ahead += len(views) * (threading.current_thread() is not threading.main_thread())
        return self._model.encode_images(views)


@pytest.fixture
def model() -> Any:
    return Watched()


def track(
    model: Any, frames: list[np.ndarray], upcoming: list[np.ndarray | None], prompts: list[Prompt]
) -> list[bytes]:
    tracker = VideoTracker(model)
    return [
        tracker.step(frame, prompts if i == 0 else (), upcoming=following).labels.tobytes()
        for i, (frame, following) in enumerate(zip(frames, upcoming, strict=True))
    ]


@pytest.mark.parametrize("objects", [1, 3])
def test_results_are_the_same_with_and_without_looking_ahead(model: Watched, objects: int) -> None:
    scene = moving_shapes(objects=objects)
    prompts: list[Prompt] = [Mask(scene.masks[i][0], object_id=i) for i in range(1, objects + 1)]
    nothing: list[np.ndarray | None] = [None] * len(scene.frames)
    expected = track(model, scene.frames, nothing, prompts)
    views = model.encoded
    assert model.ahead == 0
    assert track(model, scene.frames, [*scene.frames[1:], None], prompts) == expected
    assert model.ahead > 0.5 * views
    # Little is encoded in vain while objects are seen.
    assert model.encoded - views < 1.5 * views


def test_another_picture_than_was_announced_is_looked_at_itself(model: Watched) -> None:
    scene = moving_shapes()
    prompts: list[Prompt] = [Mask(scene.masks[1][0])]
    expected = track(model, scene.frames, [None] * len(scene.frames), prompts)
    others = [np.full_like(frame, 90) for frame in scene.frames]
    assert track(model, scene.frames, list(others), prompts) == expected
    smaller = [np.zeros((40, 60, 3), np.uint8) for _ in scene.frames]
    assert track(model, scene.frames, list(smaller), prompts) == expected


def test_a_restored_tracker_goes_on_as_the_one_that_looked_ahead(model: Watched) -> None:
    scene = moving_shapes()
    prompts: list[Prompt] = [Mask(scene.masks[1][0])]
    upcoming = [*scene.frames[1:], None]
    expected = track(model, scene.frames, upcoming, prompts)
    tracker = VideoTracker(model)
    for i in range(5):
        tracker.step(scene.frames[i], prompts if i == 0 else (), upcoming=upcoming[i])
    restored = VideoTracker(model)
    restored.restore(tracker.snapshot())
    assert [restored.step(frame).labels.tobytes() for frame in scene.frames[5:]] == expected[5:]
