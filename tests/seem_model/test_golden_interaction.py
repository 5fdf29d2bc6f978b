"""Interactive rounds with memory prompts give the numbers of the released code (v0 and v1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from seem_model.attention_table import Group
from seem_model.decoder.inputs import DecoderInputs, PointPrompts
from seem_model.decoder.output import DecoderOutput
from seem_model.seem import EncodedImage, Seem
from tests.seem_model.recorded_draws import RecordedDraws, fake_classes
from tests.seem_model.ties import decode_up_to_ties

LOGIT_SCALE = torch.tensor(1.0)


def points_of_round(golden, image: EncodedImage, number: int) -> tuple[Tensor, Tensor | None]:
    """Positive and negative point masks (n, H, W) at the padded size that round `number` starts from."""
    if number == 0:
        return image.pad_mask(torch.from_numpy(golden["strokes"])), None

    def unpacked(polarity: str) -> Tensor:
        bits = np.unpackbits(golden[f"r{number - 1}__next_spatial_query_{polarity}_mask"], axis=-1).astype(bool)
        masks = torch.from_numpy(bits).flatten(0, 1)
        height, width = image.size
        if masks.shape[1] == height:
            return image.pad_mask(masks[:, :, :width])
        return masks[:, :, : image.padded_size[1]]

    return unpacked("pos"), unpacked("neg")


def check_round(golden, prefix: str, output: DecoderOutput) -> None:
    """Compares all that a round predicts."""
    golden.assert_close(f"{prefix}pred_masks", output.mask_logits(Group.OBJECT_QUERIES))
    golden.assert_close(f"{prefix}pred_logits", output.class_logits(fake_classes(), LOGIT_SCALE))
    golden.assert_close(f"{prefix}pred_smasks", output.mask_logits(Group.SPATIAL_QUERIES))
    golden.assert_close(f"{prefix}pred_smaskembs", output.queries[Group.SPATIAL_QUERIES].mask_embeddings)
    if f"{prefix}pred_stexts" in golden:
        golden.assert_close(f"{prefix}pred_captions", output.queries[Group.OBJECT_QUERIES].class_embeddings)
        golden.assert_close(f"{prefix}pred_stexts", output.queries[Group.SPATIAL_QUERIES].class_embeddings)


@pytest.mark.golden("inter")
@torch.inference_mode()
def test_rounds_of_clicks_with_memory_equal_those_of_the_release(golden, model_named: Callable[..., Seem]) -> None:
    model = model_named(golden.config_name)
    shares_rows = model.config.table.rows_per_object is not None
    draws = RecordedDraws(golden, sort_points=shares_rows)
    image = model.encode_image(golden["image"])
    previous: Tensor | None = None
    for number in range(len(golden["mask_iou"])):
        if f"r{number}__pred_masks" not in golden:
            break
        prefix = f"r{number}__"
        positive, negative = points_of_round(golden, image, number)
        prompts = model.decoder.sample_points(image.pixels, positive, negative, draws=draws)
        golden.assert_close(f"{prefix}pred_pspatials", prompts.positive)
        golden.assert_close(f"{prefix}pred_nspatials", prompts.negative)
        before = draws.next

        def run(prompts: PointPrompts = prompts, previous: Tensor | None = previous, before: int = before):
            draws.next = before
            inputs = DecoderInputs(spatial=prompts, previous_masks=previous)
            return model.decoder(image.pixels, inputs, draws=draws)

        output = decode_up_to_ties(model.decoder, run, partial(check_round, golden, prefix))
        scores = output.point_scores(prompts.positive)
        chosen = scores.argmax(dim=2)
        if f"{prefix}sel_query" in golden:
            golden.assert_close(f"{prefix}sel_scores", scores.flatten(0, 1))
            assert np.array_equal(golden[f"{prefix}sel_query"], chosen.flatten())
        previous = output.mask_logits(Group.SPATIAL_QUERIES, chosen)
        golden.assert_close(f"{prefix}prev_mask", previous)
        full = image.upsample(previous.flatten(0, 1)) > 0
        stored = golden[f"{prefix}prev_mask_bool_full"]
        if stored.shape[1:] != image.size:
            padded = torch.nn.functional.interpolate(previous.flatten(0, 1)[None], image.padded_size, mode="bilinear")
            golden.assert_same_mask(f"{prefix}prev_mask_bool_full", padded[0] > 0)
        else:
            golden.assert_same_mask(f"{prefix}prev_mask_bool_full", full)
        truth = torch.from_numpy(golden["gt_masks"])[..., : image.size[0], : image.size[1]]
        overlap = (full & truth).flatten(1).sum(1) / (full | truth).flatten(1).sum(1)
        np.testing.assert_allclose(overlap, golden["mask_iou"][number], atol=2e-3)
    assert draws.left == 0
