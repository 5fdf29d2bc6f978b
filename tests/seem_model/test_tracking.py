"""The released models behind the tracker: several objects, prompts once, the same result after a snapshot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seem_model.errors import CheckpointError, ModelInputError
from seem_model.image_mode import ImageSegmenter
from seem_model.released_video import SeemFrame
from seem_model.variants import Variant
from seem_model.video_model import PromptKind, PromptMaps
from tests.extras import need_vocabulary
from tests.seem_model.tiny import disc, picture, tiny_model, tiny_video_model
from vos.errors import PromptError
from vos.prompts import Box, Mask, Points, ReferenceImage, Text
from vos.runs.snapshot_file import load_state, save_state
from vos.tracking.load_model import load_model
from vos.tracking.tracker import VideoTracker
from vos.tracking.view import resize_area

SIZE = (70, 101)


def frames() -> list[np.ndarray]:
    return [np.roll(picture(*SIZE), 4 * i, axis=1) for i in range(3)]


def on_grid(frame: SeemFrame, masks: list[np.ndarray]) -> np.ndarray:
    return np.stack([resize_area(mask.astype(np.float32), frame.mask_size) for mask in masks])


PROMPTS = [Mask(disc(*SIZE, 0.35, 0.3), object_id=2), Mask(disc(*SIZE, 0.6, 0.7, radius=0.04), object_id=5)]


@torch.inference_mode()
def test_a_frame_is_decoded_as_the_demo_decodes_a_referring_image() -> None:
    model = tiny_video_model()
    first, second = model.encode_images(frames()[:2])
    masks = on_grid(first, [prompt.pixels for prompt in PROMPTS])
    decoded = model.decode(second, [], model.encode_reference(first, masks), masks, shifts=None)
    assert decoded.mask_logits.shape == (2, *second.image.size)
    for index in range(2):
        # One object at a time, so that no token list is padded.
        single = masks[index : index + 1]
        alone = model.decode(second, [], model.encode_reference(first, single), single, shifts=None)
        np.testing.assert_allclose(decoded.mask_logits[index], alone.mask_logits[0], rtol=1e-3, atol=2e-2)


@torch.inference_mode()
def test_memory_prompts_read_the_previous_mask() -> None:
    model = tiny_video_model(Variant(memory=True))
    first, second = model.encode_images(frames()[:2])
    masks = on_grid(first, [PROMPTS[0].pixels])
    tokens = model.encode_reference(first, masks)
    one = model.decode(second, [], tokens, masks, shifts=None)
    other = model.decode(second, [], tokens, 1 - masks, shifts=None)
    assert not np.allclose(one.mask_logits, other.mask_logits, atol=1e-3)


def test_objects_are_tracked_together_and_added_later() -> None:
    tracker = VideoTracker(tiny_video_model(), absent_below=0.0)
    first, second, third = frames()
    result = tracker.step(first, PROMPTS)
    assert result.object_ids == (2, 5)
    assert np.array_equal(result.mask_of(5), PROMPTS[1].pixels)
    assert tracker.step(second).labels.shape == SIZE
    result = tracker.step(third, [Box(60, 30, 80, 50, object_id=3), Points(np.array([[20.0, 20.0]]), object_id=9)])
    assert result.object_ids == (2, 3, 5, 9)
    tracker.remove_object(5)
    assert tracker.step(first).object_ids == (2, 3, 9)


def test_a_restored_snapshot_continues_with_the_same_masks(tmp_path: Path) -> None:
    tracker = VideoTracker(tiny_video_model(), keep_soft_masks=True)
    first, second, _ = frames()
    tracker.step(first, PROMPTS)
    path = save_state(tmp_path, tracker.snapshot())
    expected = tracker.step(second)
    other = VideoTracker(tiny_video_model(), keep_soft_masks=True)
    other.restore(load_state(path, tiny_video_model()))
    found = other.step(second)
    assert np.array_equal(found.labels, expected.labels)
    assert np.array_equal(found.soft_masks, expected.soft_masks)


@torch.inference_mode()
def test_an_object_without_pixels_is_absent_and_does_not_disturb() -> None:
    model = tiny_video_model()
    first = model.encode_images(frames()[:1])[0]
    masks = on_grid(first, [PROMPTS[0].pixels, np.zeros(SIZE, bool)])
    decoded = model.decode(first, [], model.encode_reference(first, masks), masks, shifts=None)
    assert np.isfinite(decoded.mask_logits).all()
    with pytest.raises(ModelInputError, match="marks no pixel"):
        nothing = np.zeros(first.mask_size, np.float32)
        model.masks_from_prompts(first, [PromptMaps(nothing, nothing, PromptKind.STROKE)])


def test_words_and_referring_pictures_find_an_object_that_is_then_tracked() -> None:
    need_vocabulary()
    model = tiny_video_model(load_language=lambda: tiny_model("v1", with_text=True).language)
    first, second, _ = frames()
    region = Mask(disc(80, 112, 0.35, 0.3))
    prompts = [Text("the red disc", object_id=1), ReferenceImage(picture(80, 112), region, object_id=2), PROMPTS[1]]
    tracker = VideoTracker(model, absent_below=0.0)
    result = tracker.step(first, prompts)
    assert result.object_ids == (1, 2, 5) and result.presence == (1.0, 1.0, 1.0)
    assert tracker.step(second).labels.shape == SIZE
    alone = VideoTracker(model, absent_below=0.0, keep_soft_masks=True).step(first, [prompts[1]])
    with torch.inference_mode():
        here, other = model.encode_images([first])[0], ImageSegmenter(model.network, short_side=64)
        answer = other.from_reference(other.encode(first), other.encode(picture(80, 112)), [region.pixels])[0]
        assert here.image.size == other.encode(first).encoded.size
    assert (alone.mask_of(2) == answer.mask).mean() > 0.95


def test_a_description_stands_alone_and_must_be_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [Text("the red disc"), Box(60, 30, 80, 50)]
    with pytest.raises(PromptError, match="must be the only prompt of its object"):
        VideoTracker(tiny_video_model()).step(frames()[0], both)
    with pytest.raises(ModelInputError, match="without its text encoder"):
        VideoTracker(tiny_video_model()).step(frames()[0], both[:1])
    model = tiny_video_model()
    monkeypatch.setattr(model, "_decode", lambda features, *_: torch.full((1, *features.image.size), -1.0))
    with pytest.raises(ModelInputError, match="nothing in this frame answers to the referring picture"):
        VideoTracker(model).step(frames()[0], [ReferenceImage(picture(), Mask(disc(80, 112, 0.35, 0.3)))])


def test_the_tracker_takes_released_models_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEM_VOS_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="vos weights pull seem-focalt-v1"):
        load_model("seem-focalt-v1", device="cpu")
