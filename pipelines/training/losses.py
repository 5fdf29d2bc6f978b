"""Losses: binary cross-entropy with hard-pixel mining, dice, presence."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Half of the cross-entropy averages all pixels, half the hardest quarter of them (the boundary, mostly).
_HARD_SHARE = 0.25


def mask_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy plus dice of N masks, at the resolution of `target`.

    Args:
        logits: (N, h, w).
        target: (N, H, W) in [0, 1]; logits are resized to it.
        weight: (N,) weight of each mask.
    """
    logits = F.interpolate(logits[:, None], target.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    pixel = F.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1)
    hardest = pixel.topk(int(pixel.shape[1] * _HARD_SHARE), 1).values
    entropy = 0.5 * pixel.mean(1) + 0.5 * hardest.mean(1)
    probability, truth = logits.sigmoid().flatten(1), target.flatten(1)
    overlap = 2 * (probability * truth).sum(1) + 1
    dice = 1 - overlap / (probability.sum(1) + truth.sum(1) + 1)
    # Dice of an absent object is 1 wherever the answer is not exactly empty: leave it to the cross-entropy.
    dice = dice * (truth.sum(1) > 0)
    return ((entropy + dice) * weight).sum() / weight.sum().clamp(min=1)


def presence_loss(logits: Tensor, visible: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of the presence score; all arguments (N,)."""
    entropy = F.binary_cross_entropy_with_logits(logits, visible, reduction="none")
    return (entropy * weight).sum() / weight.sum().clamp(min=1)


@torch.no_grad()
def mask_iou(logits: Tensor, target: Tensor, weight: Tensor) -> float:
    """Mean intersection over union of N masks (arguments as in `mask_loss`), for the log."""
    logits = F.interpolate(logits[:, None], target.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    predicted, truth = (logits > 0).flatten(1), (target > 0.5).flatten(1)
    iou = ((predicted & truth).sum(1) + 1) / ((predicted | truth).sum(1) + 1)
    return float((iou * weight).sum() / weight.sum().clamp(min=1))
