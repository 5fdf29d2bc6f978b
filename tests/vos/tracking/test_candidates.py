"""What one click may mean, and who chooses."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from seem_model.video_model import VideoModel
from tests.vos.scenes import iou
from vos.errors import PromptError
from vos.prompts import Points, PromptScript
from vos.tracking.candidates import point_candidates
from vos.tracking.load_model import load_model
from vos.tracking.tracker import VideoTracker


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=160)


@pytest.fixture(scope="module")
def nested() -> np.ndarray:
    """A disc with a smaller disc in it, on noise."""
    picture = np.random.default_rng(0).integers(60, 90, (240, 320, 3)).astype(np.uint8)
    cv2.circle(picture, (160, 120), 80, (190, 60, 50), -1)
    cv2.circle(picture, (160, 120), 30, (60, 80, 200), -1)
    return picture


def test_candidates_differ_and_the_largest_comes_first(model: VideoModel, nested: np.ndarray) -> None:
    found = point_candidates(nested, 160.5, 120.5, model=model)
    areas = [int(mask.sum()) for mask, _ in found]
    assert 2 <= len(found) <= 3
    assert areas == sorted(areas, reverse=True)
    assert all(0 <= score <= 1 for _, score in found)
    assert all(iou(a, b) < 0.9 for i, (a, _) in enumerate(found) for b, _ in found[:i])
    rows, columns = np.mgrid[:240, :320]
    distance = np.hypot(rows - 119.5, columns - 159.5)
    assert max(iou(mask, distance < 80) for mask, _ in found) > 0.8
    assert max(iou(mask, distance < 30) for mask, _ in found) > 0.6


def test_the_chosen_candidate_is_tracked(model: VideoModel, nested: np.ndarray) -> None:
    found = point_candidates(nested, 160.5, 120.5, model=model)
    for number, (mask, _) in enumerate(found, 1):
        labels = VideoTracker(model).step(nested, [Points([(160.5, 120.5)], candidate=number)]).labels
        assert iou(labels == 1, mask) > 0.8
    best = found[int(np.argmax([score for _, score in found]))][0]
    assert iou(VideoTracker(model).step(nested, [Points([(160.5, 120.5)])]).labels == 1, best) > 0.8


def test_beyond_the_last_candidate_is_the_smallest(model: VideoModel, nested: np.ndarray) -> None:
    found = point_candidates(nested, 165.5, 125.5, model=model)
    labels = VideoTracker(model).step(nested, [Points([(165.5, 125.5)], candidate=3)]).labels
    assert iou(labels == 1, found[-1][0]) > 0.8


def test_the_choice_is_kept_in_scripts(tmp_path: Path) -> None:
    script = PromptScript((Points([(1, 2)], [(3, 4)], (False, True), candidate=2),))
    script.save(tmp_path / "script.json")
    assert PromptScript.load(tmp_path / "script.json") == script
    with pytest.raises(PromptError, match="candidate 4 is not one of 1 to 3"):
        Points([(1, 2)], candidate=4)
