"""Synthetic clips, the prompts drawn for them, and the losses."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pipelines.training.losses import mask_iou, mask_loss
from pipelines.training.mix import list_stills
from pipelines.training.moving_windows import through_window
from pipelines.training.prompts import draw_prompt
from pipelines.training.smoke import make_pictures
from pipelines.training.synthesis import ClipSynthesizer
from pipelines.training.thin_parts import add_thin_parts
from pipelines.training.variations import ThinPlate, Variations, zoom_frames
from seem_model.video_model import PromptKind


@pytest.fixture(scope="module")
def stills_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stills")
    make_pictures(root / "shapes", count=6, seed=0)
    return root


def test_a_clip_is_a_function_of_its_number(stills_folder: Path) -> None:
    stills = list_stills(stills_folder)
    first = ClipSynthesizer(stills, seed=3, size=96, frames=3, objects=2)
    second = ClipSynthesizer(stills, seed=3, size=96, frames=3, objects=2)
    second.draw(0)
    a, b, other = first.draw(5), second.draw(5), first.draw(6)
    assert np.array_equal(a.frames, b.frames)
    assert np.array_equal(a.masks, b.masks)
    assert not np.array_equal(a.frames, other.frames)


def test_clips_have_visible_disjoint_targets(stills_folder: Path) -> None:
    synthesizer = ClipSynthesizer(list_stills(stills_folder), seed=0, size=96, frames=3, objects=2)
    for number in range(12):
        clip = synthesizer.draw(number)
        assert clip.frames.shape == (3, 96, 96, 3)
        assert clip.masks.sum(1).max() <= 1
        for slot in range(2):
            assert clip.masks[0, slot].any() == bool(clip.weight[slot])
    assert any(synthesizer.draw(n).weight.sum() == 2 for n in range(5))


def test_some_targets_leave_and_some_come_back(stills_folder: Path) -> None:
    synthesizer = ClipSynthesizer(list_stills(stills_folder), seed=1, size=96, frames=4, objects=2)
    left = returned = 0
    for number in range(40):
        clip = synthesizer.draw(number)
        for slot in np.flatnonzero(clip.weight):
            visible = clip.masks[:, slot].any((1, 2))
            gone = np.flatnonzero(~visible)
            left += len(gone) > 0
            returned += len(gone) > 0 and bool(visible[gone[0] :].any())
    assert left > 2
    assert returned > 0


def test_every_kind_of_prompt_is_drawn_on_the_object() -> None:
    mask = np.zeros((96, 96), bool)
    mask[20:70, 30:80] = True
    rng = np.random.default_rng(0)
    seen: set[PromptKind] = set()
    for _ in range(60):
        positive, negative, kind = draw_prompt(mask, rng)
        seen.add(kind)
        assert positive.any()
        assert (positive[mask].sum() / positive.sum()) > 0.5
        assert not (negative.astype(bool) & mask).sum() > negative.astype(bool).sum() / 2
    assert seen == {PromptKind.POINTS, PromptKind.STROKE, PromptKind.BOX, PromptKind.POLYGON}


def test_a_perfect_mask_costs_little_and_a_wrong_one_much() -> None:
    target = torch.zeros(1, 32, 32)
    target[:, 8:20, 8:20] = 1
    weight = torch.ones(1)
    perfect, wrong = (target * 2 - 1) * 12, (1 - target * 2) * 12
    assert mask_loss(perfect, target, weight) < 0.01
    assert mask_loss(wrong, target, weight) > 5
    assert mask_iou(perfect, target, weight) == pytest.approx(1, abs=0.01)
    # An empty slot costs nothing.
    assert mask_loss(wrong, target, torch.zeros(1)) == 0


@pytest.mark.parametrize("name", ["thin_plate", "occluders", "zoom", "thin_parts"])
def test_a_variation_changes_later_frames_and_keeps_clips_valid(stills_folder: Path, name: str) -> None:
    stills = list_stills(stills_folder)
    plain = ClipSynthesizer(stills, seed=0, size=96, frames=4, objects=2)
    never = ClipSynthesizer(stills, seed=0, size=96, frames=4, objects=2, variations=Variations())
    always = ClipSynthesizer(stills, seed=0, size=96, frames=4, objects=2, variations=Variations(**{name: 1.0}))
    changed = 0
    for number in range(6):
        one, same, varied = plain.draw(number), never.draw(number), always.draw(number)
        assert np.array_equal(one.frames, same.frames)
        assert varied.masks.sum(1).max() <= 1
        assert varied.weight.any()
        assert np.array_equal(varied.frames, always.draw(number).frames)
        changed += not np.array_equal(one.frames, varied.frames)
    # A clip without a pasted object has nothing to bend.
    assert changed >= 3


def test_occluders_hide_objects_and_are_in_no_mask(stills_folder: Path) -> None:
    stills = list_stills(stills_folder)
    plain = ClipSynthesizer(stills, seed=0, size=96, frames=4, objects=2)
    occluded = ClipSynthesizer(stills, seed=0, size=96, frames=4, objects=2, variations=Variations(occluders=1))
    areas = [sum(s.draw(number).masks[1:].any(1).mean() for number in range(12)) for s in (plain, occluded)]
    assert areas[1] < areas[0]


def test_a_thin_plate_moves_its_control_points_exactly() -> None:
    plate = ThinPlate(np.random.default_rng(0))
    plate.advance()
    side = 101
    corner_x, corner_y = np.array([[0.0, 100.0]]), np.array([[0.0, 0.0]])
    x, y = plate.bend(corner_x, corner_y, (side, side))
    moved = np.stack([x - corner_x, y - corner_y], 2)[0]
    assert moved == pytest.approx(plate.shifts[[0, 2]] * side, abs=0.05)


def test_zoom_enlarges_frames_and_labels_alike() -> None:
    frame = np.zeros((64, 64, 3), np.float32)
    labels = np.zeros((64, 64), np.int32)
    frame[24:40, 24:40] = 255
    labels[24:40, 24:40] = 1003
    frames, maps = zoom_frames([frame] * 3, [labels] * 3, np.random.default_rng(0))
    areas = [int((m == 1003).sum()) for m in maps]
    assert min(areas[0], areas[-1]) == 256
    assert max(areas) > 1.3 * 256
    for picture, label_map in zip(frames, maps, strict=True):
        assert set(np.unique(label_map)) == {0, 1003}
        assert ((picture[..., 0] > 127) != (label_map == 1003)).mean() < 0.02


def test_a_probability_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="zoom is a probability"):
        Variations(zoom=1.5)


def test_thin_parts_belong_to_the_object_and_are_thin() -> None:
    image = np.full((60, 40, 3), 90, np.uint8)
    mask = np.zeros((60, 40), np.int32)
    mask[5:55, 5:35] = 1
    sticking_out = 0
    for seed in range(8):
        wider, grown = add_thin_parts(image, mask, np.random.default_rng(seed))
        margin = (grown.shape[0] - 60) // 2
        assert wider.shape == (*grown.shape, 3)
        assert (grown[margin:-margin, margin:-margin][mask == 1] == 1).all()
        outside = grown.astype(np.uint8)
        outside[margin:-margin, margin:-margin][mask == 1] = 0
        sticking_out += int(outside.sum())
        # Nothing of what was added survives an erosion wider than a part.
        assert cv2.erode(outside, np.ones((9, 9), np.uint8)).sum() == 0
    assert sticking_out > 100


def test_a_window_follows_its_object_and_makes_it_larger() -> None:
    size, canvas = 64, 90
    frames, labels = [], []
    for t in range(5):
        label = np.zeros((canvas, canvas), np.int32)
        label[20 + 6 * t : 32 + 6 * t, 10 + 8 * t : 22 + 8 * t] = 7
        labels.append(label)
        frames.append(np.repeat(label[..., None] * 20, 3, 2).astype(np.float32))
    crops, crop_labels = through_window(frames, labels, 7, size, np.random.default_rng(0))
    assert all(crop.shape == (size, size, 3) for crop in crops)
    areas = [(found == 7).sum() for found in crop_labels]
    assert min(areas) > 1.3 * 144 * (size / canvas) ** 2, "an object that stays in view, larger than in the whole scene"
    for crop, found in zip(crops, crop_labels, strict=True):
        assert abs((crop[..., 0] > 70).sum() - (found == 7).sum()) < 0.15 * (found == 7).sum()


def test_clips_through_windows_are_the_same_every_time(stills_folder: Path) -> None:
    stills = list_stills(stills_folder)
    first, again = (
        ClipSynthesizer(stills, seed=3, size=64, variations=Variations(windows=1.0)).draw(5) for _ in range(2)
    )
    assert np.array_equal(first.frames, again.frames) and np.array_equal(first.masks, again.masks)
    assert first.frames.shape == (4, 64, 64, 3)
    assert first.masks[0].any()
