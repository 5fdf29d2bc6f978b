"""Variants of the released models: how they are named, and how far their masks are from float32."""

from __future__ import annotations

import numpy as np
import pytest

from seem_model.errors import ModelInputError
from seem_model.frame_cost import FrameTimer, deviation
from seem_model.variants import Variant, split_name
from tests.seem_model.tiny import disc, picture, tiny_config, tiny_video_model
from vos.errors import UsageError
from vos.prompts import Mask
from vos.tracking.load_model import load_model
from vos.tracking.tracker import VideoTracker


@pytest.mark.parametrize("name", ["seem-focalt-v1", "seem-focall-v0:memory", "seem-focalt-v1:bfloat16,channels_last"])
def test_a_name_is_read_back_as_it_was_written(name: str) -> None:
    model, variant = split_name(name)
    assert variant.named(model) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("seem-focalt-v1:fast", "'fast' is no variant; behind the colon may stand, with commas: memory, bfloat16"),
        ("seem-focalt-v1:", "'' is no variant"),
        ("seem-focalt-v1:bfloat16,float16", "exclude each other"),
    ],
)
def test_a_wrong_variant_is_refused(name: str, message: str) -> None:
    with pytest.raises(ModelInputError, match=message):
        load_model(name)


def test_the_compact_model_has_no_variants() -> None:
    with pytest.raises(UsageError, match="compact:memory: unknown model"):
        load_model("compact:memory")


@pytest.mark.parametrize(
    ("variant", "most"), [(Variant(channels_last=True), 1e-4), (Variant(bfloat16=True), 0.2), (Variant(), 0.0)]
)
def test_masks_stay_near_those_of_float32(variant: Variant, most: float) -> None:
    exact, other = (FrameTimer(tiny_config("v1"), height=64, width=96, variant=v) for v in (Variant(), variant))
    error = deviation(other.masks(other.prompts(2)), exact.masks(exact.prompts(2)))
    assert error.rms <= most
    assert (error.rms > 0) is not variant.is_exact or variant.channels_last


@pytest.mark.parametrize("variant", [Variant(bfloat16=True), Variant(float16=True, memory=True)])
def test_a_tracker_works_in_half_precision_and_names_it(variant: Variant) -> None:
    model = tiny_video_model(variant)
    assert model.name == variant.named("tiny")
    tracker = VideoTracker(model, absent_below=0.0, keep_soft_masks=True)
    frame = picture(70, 101)
    tracker.step(frame, [Mask(disc(70, 101, 0.35, 0.3))])
    result = tracker.step(np.roll(frame, 4, axis=1))
    assert result.soft_masks is not None
    assert result.soft_masks.dtype == np.float32
    assert np.isfinite(result.soft_masks).all()
