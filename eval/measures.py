"""Region similarity J and boundary measure F from pixel counts.

J is the Jaccard index of two masks, F the harmonic mean of precision and recall of their boundary pixels, matched
within a small distance (Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation", CVPR 2016, section 4). The formulas are evaluated in the order in which davis2017-evaluation evaluates
them, so that the floating-point numbers are the same to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BOUNDARY_TOLERANCE = 0.008
"""Distance within which boundaries match, as a fraction of the frame's diagonal."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskCounts:
    """Pixel counts of pairs (prediction, ground truth); all arrays have one shape and dtype int64.

    Attributes:
        intersection: Pixels in both masks.
        union: Pixels in either mask.
        predicted_boundary: Boundary pixels of the prediction.
        true_boundary: Boundary pixels of the ground truth.
        predicted_matched: Boundary pixels of the prediction near a boundary pixel of the ground truth.
        true_matched: Boundary pixels of the ground truth near a boundary pixel of the prediction.
        true_area: Pixels of the ground truth.
    """

    intersection: np.ndarray
    union: np.ndarray
    predicted_boundary: np.ndarray
    true_boundary: np.ndarray
    predicted_matched: np.ndarray
    true_matched: np.ndarray
    true_area: np.ndarray


def tolerance_radius(height: int, width: int) -> int:
    """Radius in pixels of the disc within which boundary pixels match: ceil(0.008 * diagonal), in float64."""
    return int(np.ceil(BOUNDARY_TOLERANCE * np.linalg.norm((height, width))))


def region_similarity(counts: MaskCounts) -> np.ndarray:
    """J = intersection / union in [0, 1], float64; 1 where both masks are empty."""
    empty = counts.union == 0
    j: np.ndarray = counts.intersection / np.where(empty, 1, counts.union)
    j[empty] = 1.0
    return j


def boundary_measure(counts: MaskCounts) -> np.ndarray:
    """F = 2PR / (P + R) in [0, 1], float64.

    1 where neither mask has a boundary (also when one of them fills the frame), 0 where only one has.
    """
    no_predicted, no_true = counts.predicted_boundary == 0, counts.true_boundary == 0
    precision = counts.predicted_matched / np.where(no_predicted, 1, counts.predicted_boundary)
    recall = counts.true_matched / np.where(no_true, 1, counts.true_boundary)
    total = precision + recall
    f: np.ndarray = 2 * precision * recall / np.where(total == 0, 1.0, total)
    f[no_predicted & no_true] = 1.0
    return f
