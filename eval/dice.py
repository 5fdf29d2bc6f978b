"""The Dice coefficient (Dice, 1945; Sørensen, 1948): 2 |A and B| / (|A| + |B|), as medical segmentation reports it."""

from __future__ import annotations

import numpy as np

from eval.measures import MaskCounts


def dice(counts: MaskCounts) -> np.ndarray:
    """Dice = 2 intersection / (intersection + union) in [0, 1], float64; 1 where both masks are empty."""
    total = counts.intersection + counts.union
    empty = total == 0
    values: np.ndarray = 2 * counts.intersection / np.where(empty, 1, total)
    values[empty] = 1.0
    return values
