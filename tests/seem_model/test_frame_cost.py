"""The plain path, which costs are compared with, gives the same masks as the product."""

from __future__ import annotations

import torch

from seem_model.attention_table import DEMO
from seem_model.frame_cost import FrameTimer, decode_frame, sample_masks
from seem_model.reference_decoder import plain_decode
from tests.seem_model.tiny import picture, tiny_config, tiny_model, two_discs


@torch.inference_mode()
def test_the_plain_path_and_the_product_agree() -> None:
    model = tiny_model("demo")
    image = model.encode_image(picture())
    prompts = model.decoder.sample_points(image.pixels, image.pad_mask(two_discs()))
    ours = decode_frame(model, image, model.decoder.with_keys(prompts))
    for index in range(2):
        single = model.decoder.sample_points(image.pixels, image.pad_mask(two_discs()[index : index + 1]))
        plain = plain_decode(model.decoder, image.pixels, single, torch.zeros(134, 512)).selected
        torch.testing.assert_close(ours[index], plain, rtol=1e-3, atol=1e-3 * float(plain.std()))


def test_costs_are_given_by_stage_and_objects() -> None:
    timer = FrameTimer(tiny_config("v1"), height=64, width=96)
    assert timer.model.config.table is DEMO
    prompts = timer.prompts(2)
    for cost in (timer.measure(prompts, repeats=1), timer.measure_plain(prompts)):
        assert cost.objects == 2
        assert set(cost.seconds) == {"backbone", "pixel decoder", "decoder"}
        assert cost.total > 0


def test_discs_do_not_overlap() -> None:
    masks = sample_masks(64, 96, 3)
    assert masks.sum(0).max() == 1
    assert (masks.flatten(1).sum(1) > 0).all()
