"""Semantic, instance and panoptic post-processing equal those of the released code."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from seem_model.language.coco import COCO_PANOPTIC, THINGS
from seem_model.postprocess import instances, panoptic_map, resize_mask_logits, semantic_map


@pytest.mark.golden("postproc")
def test_postprocessing_equals_that_of_the_release(golden) -> None:
    classes = torch.from_numpy(golden["mask_cls"])
    low = torch.from_numpy(golden["mask_pred_low"].astype(np.float32))
    assert classes.shape[1] == len(COCO_PANOPTIC) + 1
    padded, image = (tuple(int(n) for n in golden[name]) for name in ("padded", "img_size"))
    sizes = [name.partition("__")[0] for name in golden.names if name.endswith("__sem_argmax")]
    assert sizes
    for size in sizes:
        output_size = golden[f"{size}__sem_argmax"].shape
        masks = resize_mask_logits(low, padded, image, output_size)
        golden.assert_close(f"{size}__mask_pp", masks)
        semantic = semantic_map(classes, masks)
        golden.assert_close(f"{size}__sem_seg", semantic)
        assert (semantic.argmax(0).numpy() != golden[f"{size}__sem_argmax"]).mean() <= 1e-4
        _check_panoptic(golden, size, classes, masks)
        for flag in (0, 1):
            found = instances(classes, masks, limit=int(golden["topk"]), num_things=len(THINGS) if flag else None)
            prefix = f"{size}__inst_pan{flag}"
            golden.assert_close(f"{prefix}_scores_sorted", found.scores)
            assert np.array_equal(golden[f"{prefix}_classes_sorted"], found.classes)
            areas = found.masks.flatten(1).sum(1)
            np.testing.assert_allclose(areas, golden[f"{prefix}_area_sorted"], rtol=1e-4, atol=1)


def _check_panoptic(golden, size: str, classes: torch.Tensor, masks: torch.Tensor) -> None:
    runs = [name for name in golden.names if re.match(rf"{size}__pan_[\d.]+_[\d.]+$", name)]
    assert runs
    for name in runs:
        score, overlap = (float(number) for number in name.rpartition("__pan_")[2].split("_"))
        ids, segments = panoptic_map(
            classes, masks, num_things=len(THINGS), score_threshold=score, overlap_threshold=overlap
        )
        stored = json.loads(str(golden[name.replace("__pan_", "__paninfo_")]))
        ours = [{"id": s.id, "isthing": s.is_thing, "category_id": s.class_index} for s in segments]
        assert ours == stored
        assert (ids.numpy() != golden[name]).mean() <= 1e-4
