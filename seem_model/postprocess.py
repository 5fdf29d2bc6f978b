"""From mask and class logits of all queries to semantic, instance and panoptic segmentation.

Source: Mask2Former (Cheng et al. 2022), section 3 and its inference code paths as SEEM uses them. Q queries, K
classes; the class logits have one more column for "no object".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Share of a mask that must survive the competition for pixels.
OVERLAP_THRESHOLD = 0.8
# Least class score of a segment in the release's demo (its evaluation of v0 and v1 asks for 0.8).
SCORE_THRESHOLD = 0.4


@dataclass(frozen=True)
class Segment:
    """One segment of a panoptic map.

    Attributes:
        id: Its value in the map, from 1.
        class_index: Index of its class.
        is_thing: Whether it is one countable object; all stuff of a class is one segment.
        score: Softmax score of the query that found it first.
    """

    id: int
    class_index: int
    is_thing: bool
    score: float


@dataclass(frozen=True)
class Instances:
    """Objects, best first.

    Attributes:
        scores: (n,) class score times the mean mask probability inside the mask.
        classes: (n,) int64.
        masks: (n, H, W) bool.
        queries: (n,) int64, the query of each; one query may answer for several classes.
    """

    scores: Tensor
    classes: Tensor
    masks: Tensor
    queries: Tensor


def resize_mask_logits(
    logits: Tensor, padded_size: tuple[int, int], image_size: tuple[int, int], output_size: tuple[int, int]
) -> Tensor:
    """(Q, h, w) logits at 1/4 of the padded size -> (Q, *output_size).

    Bilinear to the padded size, padding cut, then bicubic with antialias to the output size (parity: in that order).
    """
    full = F.interpolate(logits[None], padded_size, mode="bilinear", align_corners=False)
    full = full[..., : image_size[0], : image_size[1]]
    resized = F.interpolate(full, output_size, mode="bicubic", align_corners=False, antialias=True)
    return resized[0]


def semantic_map(class_logits: Tensor, mask_logits: Tensor) -> Tensor:
    """(Q, K + 1) and (Q, H, W) -> (K, H, W) class scores per pixel."""
    classes = class_logits.softmax(-1)[:, :-1]
    return torch.einsum("qk,qhw->khw", classes, mask_logits.sigmoid())


def panoptic_map(
    class_logits: Tensor,
    mask_logits: Tensor,
    *,
    num_things: int,
    score_threshold: float = SCORE_THRESHOLD,
    overlap_threshold: float = OVERLAP_THRESHOLD,
) -> tuple[Tensor, tuple[Segment, ...]]:
    """One segment per pixel.

    Args:
        class_logits: (Q, K + 1)
        mask_logits: (Q, H, W)
        num_things: The first so many classes are things, the rest is stuff.
        score_threshold: A query needs a better class score.
        overlap_threshold: Least share of a query's mask that no better query takes from it.

    Returns:
        (H, W) int32 segment ids, 0 where there is none, and the segments by id.
    """
    scores, labels = class_logits.softmax(-1).max(-1)
    kept = ((labels != class_logits.shape[1] - 1) & (scores > score_threshold)).nonzero()[:, 0]
    result = torch.zeros(mask_logits.shape[1:], dtype=torch.int32, device=mask_logits.device)
    if len(kept) == 0:
        return result, ()
    probabilities = mask_logits[kept].sigmoid()
    owner = (scores[kept, None, None] * probabilities).argmax(0)
    segments: list[Segment] = []
    stuff_ids: dict[int, int] = {}
    for index, query in enumerate(kept.tolist()):
        inside = probabilities[index] >= 0.5
        own = owner == index
        mask = own & inside
        area = int(inside.sum())
        # Parity: the share counts all pixels won, also those outside the query's own mask.
        if area == 0 or not mask.any() or int(own.sum()) / area < overlap_threshold:
            continue
        label = int(labels[query])
        is_thing = label < num_things
        if not is_thing and label in stuff_ids:
            result[mask] = stuff_ids[label]
            continue
        segment_id = len(segments) + 1
        result[mask] = segment_id
        segments.append(Segment(segment_id, label, is_thing, float(scores[query])))
        if not is_thing:
            stuff_ids[label] = segment_id
    return result, tuple(segments)


def instances(
    class_logits: Tensor, mask_logits: Tensor, *, limit: int = 100, num_things: int | None = None
) -> Instances:
    """The best pairs of query and class.

    Args:
        class_logits: (Q, K + 1)
        mask_logits: (Q, H, W)
        limit: How many pairs are looked at.
        num_things: Then only pairs of the first so many classes are kept.
    """
    scores = class_logits.softmax(-1)[:, :-1]
    num_classes = scores.shape[1]
    best, index = scores.flatten().topk(min(limit, scores.numel()))
    classes, queries = index % num_classes, index // num_classes
    if num_things is not None:
        is_thing = classes < num_things
        best, classes, queries = best[is_thing], classes[is_thing], queries[is_thing]
    logits = mask_logits[queries]
    masks = logits > 0
    inside = masks.flatten(1).float()
    quality = (logits.sigmoid().flatten(1) * inside).sum(1) / (inside.sum(1) + 1e-6)
    final = best * quality
    order = final.argsort(descending=True, stable=True)
    return Instances(final[order], classes[order], masks[order], queries[order])
