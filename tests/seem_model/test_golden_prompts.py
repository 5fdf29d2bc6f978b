"""Generic segmentation, strokes and referring images give the numbers of the released code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from seem_model.attention_table import Group
from seem_model.decoder.inputs import DecoderInputs, PointPrompts
from seem_model.decoder.output import DecoderOutput
from seem_model.seem import EncodedImage, Seem
from tests.seem_model.encode_once import encode_once
from tests.seem_model.recorded_draws import RecordedDraws, fake_classes
from tests.seem_model.ties import decode_up_to_ties

LOGIT_SCALE = torch.tensor(1.0)


def check_object_queries(golden, output: DecoderOutput, prefix: str = "") -> None:
    """Compares masks and classes of the object queries."""
    golden.assert_close(f"{prefix}pred_masks", output.mask_logits(Group.OBJECT_QUERIES))
    golden.assert_close(f"{prefix}pred_logits", output.class_logits(fake_classes(), LOGIT_SCALE))
    if f"{prefix}pred_maskembs" in golden:
        golden.assert_close(f"{prefix}pred_maskembs", output.queries[Group.OBJECT_QUERIES].mask_embeddings)


def check_selection(golden, output: DecoderOutput, image: EncodedImage, scores: Tensor, prefix: str = "") -> None:
    """Compares scores (Q,), the chosen query, its class where the file holds it, and its mask at all sizes."""
    golden.assert_close(f"{prefix}sel_scores", scores)
    chosen = int(scores.argmax())
    assert chosen == int(golden[f"{prefix}sel_query"].item())
    if f"{prefix}sel_class" in golden:
        classes = output.class_logits(fake_classes(), LOGIT_SCALE)
        assert int(classes[0, chosen].argmax()) == int(golden[f"{prefix}sel_class"])
    low = output.mask_logits(Group.OBJECT_QUERIES, torch.tensor([[chosen]]))[0]
    golden.assert_close(f"{prefix}sel_mask_lowres", low)
    upsampled = image.upsample(low)
    golden.assert_close(f"{prefix}sel_mask_up_logits", upsampled)
    golden.assert_same_mask(f"{prefix}sel_mask_up_bool", upsampled > 0)


def sampled(model: Seem, image: EncodedImage, mask: np.ndarray, golden) -> PointPrompts:
    draws = RecordedDraws(golden, sort_points=model.config.table.rows_per_object is not None)
    positive = image.pad_mask(torch.from_numpy(mask)[None])
    return model.decoder.sample_points(image.pixels, positive, draws=draws)


@pytest.mark.golden("generic")
@torch.inference_mode()
def test_all_queries_without_a_prompt_equal_those_of_the_release(golden, model_named: Callable[..., Seem]) -> None:
    model = model_named(golden.config_name)
    image = encode_once(model, golden["image"]).image
    decode_up_to_ties(
        model.decoder, lambda: model.decoder(image.pixels), lambda output: check_object_queries(golden, output)
    )


@pytest.mark.golden("stroke")
@torch.inference_mode()
def test_a_stroke_selects_the_mask_that_the_release_selects(golden, model_named: Callable[..., Seem]) -> None:
    model = model_named(golden.config_name)
    image = encode_once(model, golden["image"]).image
    prompts = sampled(model, image, golden["stroke"], golden)
    golden.assert_close("pred_pspatials", prompts.positive)
    golden.assert_close("pred_nspatials", prompts.negative)
    output = decode_up_to_ties(
        model.decoder,
        lambda: model.decoder(image.pixels, DecoderInputs(spatial=prompts)),
        lambda output: check_object_queries(golden, output),
    )
    check_selection(golden, output, image, output.point_scores(prompts.positive)[0, 0])


@pytest.mark.golden("refvideo")
@torch.inference_mode()
def test_a_referring_image_selects_the_same_masks_in_every_frame(golden, model_named: Callable[..., Seem]) -> None:
    model = model_named(golden.config_name)
    reference = encode_once(model, golden["ref_image"]).image
    prompts = sampled(model, reference, golden["ref_mask"], golden)
    golden.assert_close("visual_query_pos", prompts.positive)
    golden.assert_close("visual_query_neg", prompts.negative)
    for level, tokens in enumerate(prompts.tokens):
        golden.assert_close(f"src_visual_queries_{level}", tokens.transpose(0, 1))
        assert np.array_equal(golden[f"src_visual_maskings_{level}"], prompts.padding)
    prepared = model.decoder.with_keys(prompts)
    for frame in ("B", "C"):
        image = encode_once(model, golden[f"frame_{frame}"]).image
        output = decode_up_to_ties(
            model.decoder,
            lambda image=image: model.decoder(image.pixels, DecoderInputs(visual=prepared)),
            lambda output, frame=frame: check_object_queries(golden, output, f"{frame}__"),
        )
        check_selection(golden, output, image, output.point_scores(prompts.positive)[0, 0], f"{frame}__")


@pytest.mark.golden("refimg")
@torch.inference_mode()
def test_features_of_a_referring_image_equal_those_of_the_release(golden, model_named: Callable[..., Seem]) -> None:
    model = model_named(golden.config_name)
    image = encode_once(model, golden["image"]).image
    prompts = sampled(model, image, golden["ref_mask"], golden)
    golden.assert_close("spatial_query_pos", prompts.positive)
    golden.assert_close("spatial_query_neg", prompts.negative)
    for level, tokens in enumerate(prompts.tokens):
        golden.assert_close(f"src_spatial_queries_{level}", tokens.transpose(0, 1))
        golden.assert_close(f"src_spatial_maskings_{level}", prompts.owners[level])
