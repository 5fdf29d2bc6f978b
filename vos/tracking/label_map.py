"""From the model's small logits to a label map at source size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from torch import Tensor

from vos.tracking.edges import refine_edges


def label_map(
    logits: Tensor,
    shown: Tensor,
    object_ids: Sequence[int],
    size: tuple[int, int],
    exact: Mapping[int, np.ndarray],
    rgb: np.ndarray,
) -> np.ndarray:
    """(H, W) uint16: every pixel goes to the object that wins the soft aggregation there, or to the background.

    Args:
        logits: (N, h, w) of each object alone.
        shown: (N,) bool; objects that are not shown get no pixels.
        object_ids: The N ids.
        size: Height and width of the result.
        exact: (H, W) bool masks that the user gave for some objects; they are kept to the pixel.
        rgb: (H, W, 3) uint8 picture, to whose edges the borders of the other masks move.

    Soft aggregation (Oh et al., ICCV 2019, eq. 5) orders the objects at a pixel as their odds do, and the background
    has the odds of the product of the complements, so only differences of logits have to be resized.
    """
    height, width = size
    labels = np.zeros(size, np.uint16)
    inferred = [i for i, object_id in enumerate(object_ids) if bool(shown[i]) and object_id not in exact]
    if inferred:
        own = logits[inferred].float()
        # log p(background) = sum of log(1 - p) = -sum of softplus(logit); its own logit follows.
        log_background = -own.clamp(-30, 30).exp().log1p().sum(0)
        background_logit = log_background - (-log_background.exp()).log1p().clamp(min=-30)
        small = (own - background_logit).cpu().numpy()
        # Cubic keeps more of what is a cell or two wide.
        margins = [cv2.resize(margin, (width, height), interpolation=cv2.INTER_CUBIC) for margin in small]
        owner = _owner(margins)
        refined = [refine_edges(rgb, margin, owner == row + 1) for row, margin in enumerate(margins)]
        ids = np.array([0, *(object_ids[slot] for slot in inferred)], np.uint16)
        labels = ids[_owner(refined)]
    for object_id in sorted(exact):
        labels[exact[object_id]] = object_id
    return labels


def _owner(margins: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W) int32: 1 + the number of the largest margin over the background, 0 where none is positive."""
    owner = np.zeros(margins[0].shape, np.int32)
    best = np.zeros(margins[0].shape, np.float32)
    for number, margin in enumerate(margins, 1):
        wins = margin > best
        owner[wins] = number
        np.maximum(best, margin, out=best)
    return owner


def soft_masks(logits: Tensor, size: tuple[int, int]) -> np.ndarray:
    """(N, H, W) float32 probabilities of each object alone, at source size."""
    height, width = size
    small = logits.float().sigmoid().cpu().numpy()
    resized = [cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR) for mask in small]
    return np.stack(resized) if resized else np.zeros((0, height, width), np.float32)
