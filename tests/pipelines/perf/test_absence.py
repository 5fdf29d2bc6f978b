"""Leave-and-return clips: their truth, their scores, and what the embedded weights do on them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipelines.perf.absence import SETTINGS, measure_absence, score_clip
from pipelines.perf.absence_clips import TARGET, AbsenceClip, drawn_material, make_clip, material_from_stills
from vos.tracking.load_model import load_model

STILLS = Path(os.environ.get("VOS_TRAIN_STILLS", Path(__file__).parents[4] / "shared/data/train"))


def areas(clip: AbsenceClip, object_id: int = TARGET) -> list[int]:
    return [int((label == object_id).sum()) for label in clip.labels]


@pytest.mark.parametrize("look_alikes", [0, 2])
def test_the_object_leaves_and_returns_when_the_clip_says_so(look_alikes: int) -> None:
    clip = make_clip(*drawn_material(3), look_alikes=look_alikes, before=12, away=9, after=10)
    target = areas(clip)
    assert len(clip.frames) == len(clip.labels) == 31
    assert clip.gone == 12
    assert target[12:21] == [0] * 9
    assert all(area > 0 for area in [*target[:12], *target[21:]])
    assert target[clip.back] >= target[0] / 2 > target[clip.back - 1]
    assert min(target[:6]) == max(target[:6]) == target[-1], "in full view the object is whole"
    for number in range(look_alikes):
        assert min(areas(clip, TARGET + 1 + number)) > 0, "look-alikes stay"


def test_truth_and_picture_agree_to_the_pixel() -> None:
    ground, cutout = drawn_material(4)
    with_object, without = make_clip(ground, cutout), make_clip(ground, cutout, look_alikes=1)
    for t, label in enumerate(without.labels):
        differs = (with_object.frames[t] != without.frames[t]).any(2)
        assert not (differs & (label != TARGET + 1)).any()
    again = make_clip(ground, cutout)
    assert all(np.array_equal(a, b) for a, b in zip(with_object.frames, again.frames, strict=True))
    assert any((a != b).any() for a, b in zip(with_object.frames[:5], with_object.frames[1:6], strict=True))


def test_scores_match_their_definitions() -> None:
    clip = make_clip(*drawn_material(5), look_alikes=1, before=10, away=8, after=12)
    perfect = score_clip(clip, clip.labels)
    assert (perfect.false_pixels, perfect.false_frames, perfect.reacquired_after) == (0, 0, 0)
    assert perfect.identity_kept
    assert perfect.jaccard == 1

    labels = [label.copy() for label in clip.labels]
    full = areas(clip)[0]
    # Half of its size painted in two of the eight frames without it; found four frames late.
    for t in (12, 15):
        labels[t].ravel()[np.flatnonzero(labels[t] == 0)[: full // 2]] = TARGET
    for t in range(18, clip.back + 4):
        labels[t][labels[t] == TARGET] = 0
    score = score_clip(clip, labels)
    assert score.false_frames == 2 / 8
    assert score.false_pixels == pytest.approx(2 / 8 * (full // 2) / full)
    assert score.reacquired_after == 4
    assert score.identity_kept

    for t in range(18, 30):
        labels[t][labels[t] == TARGET] = 0
        labels[t][clip.labels[t] == TARGET + 1] = TARGET
    swapped = score_clip(clip, labels)
    assert swapped.reacquired_after is None
    assert not swapped.identity_kept


def test_an_object_that_left_is_found_again_by_its_first_frame() -> None:
    model = load_model("compact", device="cpu", short_side=128)
    alone, beside, both = measure_absence(model, clips=1)
    assert [score.setting for score in (alone, beside, both)] == [setting.name for setting in SETTINGS]
    assert alone.false_pixels < 0.05, "nothing is painted while it is away"
    for score in (alone, both):
        assert score.reacquired == 1
        assert score.reacquired_after is not None
        assert score.reacquired_after <= 5
        assert score.identity_kept == 1


@pytest.mark.skipif(not STILLS.is_dir(), reason=f"{STILLS} is not there (pictures with masks; VOS_TRAIN_STILLS)")
def test_objects_are_cut_from_pictures_whole() -> None:
    for ground, cutout in material_from_stills(STILLS, 2, seed=1):
        assert ground.shape[2] == 3
        assert cutout.rgb.shape[:2] == cutout.mask.shape
        for edge in (cutout.mask[0], cutout.mask[-1], cutout.mask[:, 0], cutout.mask[:, -1]):
            assert edge.any(), "cropped to the object"
        clip = make_clip(ground, cutout)
        assert areas(clip)[clip.gone] == 0
