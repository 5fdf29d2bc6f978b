"""Backbones and pixel decoders give the numbers of the released code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from seem_model.seem import Seem


@pytest.mark.golden("feats")
@torch.inference_mode()
def test_features_equal_those_of_the_release(golden, model_named: Callable[..., Seem]) -> None:
    model = model_named(golden.config_name)
    image, _ = model.prepare(golden["image"])
    assert tuple(image.shape[-2:]) == tuple(golden["padded_hw"])
    maps = model.backbone_features(image)
    for name, feature_map in zip(("res2", "res3", "res4", "res5"), maps, strict=True):
        golden.assert_close(name, feature_map)
    pixels = model.sem_seg_head.pixel_decoder(maps)
    golden.assert_close("transformer_encoder_features", pixels.encoded)
    for index, level in enumerate(pixels.levels):
        golden.assert_close(f"multi_scale_{index}", level)
    golden.assert_close("mask_features", pixels.mask_features.full)
