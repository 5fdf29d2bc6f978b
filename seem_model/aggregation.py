"""How several objects share the pixels of a frame."""

from __future__ import annotations

import torch
from torch import Tensor


def aggregate(probabilities: Tensor) -> Tensor:
    """Soft aggregation over objects and background (Oh et al., ICCV 2019, eq. 5).

    Args:
        probabilities: (B, O, H, W) in [0, 1], each object on its own.

    Returns:
        (B, O + 1, H, W) that sum to 1 over the objects, background first.
    """
    p = probabilities.clamp(1e-5, 1 - 1e-5)
    background = (1 - p).prod(1, keepdim=True).clamp(1e-5, 1 - 1e-5)
    joint = torch.cat([background, p], 1)
    odds = joint / (1 - joint)
    return odds / odds.sum(1, keepdim=True)
