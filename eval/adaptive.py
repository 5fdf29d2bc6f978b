"""J and F as MOSEv2 defines them: the tolerance of F follows the size of the object, and J is smoothed.

Definition (Ding et al., "MOSEv2: A More Challenging Dataset for Video Object Segmentation in Complex Scenes", 2025,
and the scorer published with it): with intersection I and union U, J = (I + 1) / (U + 1). With d the diagonal of the
frame and A the area of the true mask, boundaries of the adaptive F match within min(0.008 d, ceil(0.1 sqrt(A)))
pixels, where the diagonal takes the place of sqrt(A) if the object is absent. F is 1 where both masks have no boundary.

Parity: where 0.008 d is the smaller one, it is not rounded, and the disc of that radius is drawn on a grid that begins
at its left and upper end, so that it is not symmetric; in these frames the classic F uses the same disc, while in all
others it has a radius of ceil(0.008 d).
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from eval.bitplanes import boundary
from eval.masks import FrameMasks, window_of
from eval.measures import BOUNDARY_TOLERANCE, MaskCounts

AREA_TOLERANCE = 0.1
"""Distance within which boundaries match, as a fraction of the square root of the object's area."""

ADAPTIVE_COUNTS = 9
"""Rows of a count array: those of `MaskCounts`, and the matched boundary pixels within the adaptive tolerance."""


def count_adaptive(prediction: FrameMasks, truth: FrameMasks, ids: tuple[int, ...]) -> np.ndarray:
    """Compares each object of a frame with the prediction of the same id.

    Returns:
        (9, len(ids)) int64: the fields of `MaskCounts` with the classic tolerance, then `predicted_matched` and
        `true_matched` with the adaptive one.
    """
    counts = np.zeros((ADAPTIVE_COUNTS, len(ids)), np.int64)
    for column, object_id in enumerate(ids):
        predicted, true = prediction.mask(object_id), truth.mask(object_id)
        window = window_of(predicted | true)
        if window is not None:
            radii = tolerance_radii(*truth.shape, area=cv2.countNonZero(true))
            counts[:, column] = _count(predicted[window], true[window], radii)
    return counts


def classic_counts(counts: np.ndarray) -> MaskCounts:
    """Counts with the classic tolerance, from the rows of `count_adaptive`."""
    return MaskCounts(*counts[:7])


def adaptive_counts(counts: np.ndarray) -> MaskCounts:
    """Counts with the adaptive tolerance, from the rows of `count_adaptive`."""
    return MaskCounts(*counts[[0, 1, 2, 3, 7, 8, 6]])


def smoothed_similarity(counts: MaskCounts) -> np.ndarray:
    """J = (intersection + 1) / (union + 1) in (0, 1], float64; 1 where both masks are empty."""
    j: np.ndarray = (counts.intersection + 1) / (counts.union + 1)
    return j


def tolerance_radii(height: int, width: int, *, area: int) -> tuple[float, float]:
    """Radii in pixels of the classic and of the adaptive tolerance, for a true mask of `area` pixels."""
    diagonal = float(np.linalg.norm((height, width)))
    classic = BOUNDARY_TOLERANCE * diagonal
    adaptive = float(np.ceil(AREA_TOLERANCE * (math.sqrt(area) if area else diagonal)))
    return (float(np.ceil(classic)), adaptive) if adaptive < classic else (classic, classic)


def _count(predicted: np.ndarray, true: np.ndarray, radii: tuple[float, float]) -> tuple[int, ...]:
    predicted_edge, true_edge = boundary(predicted), boundary(true)
    matched: list[int] = []
    for radius in radii:
        near_true, near_predicted = cv2.dilate(true_edge, _disc(radius)), cv2.dilate(predicted_edge, _disc(radius))
        matched += [cv2.countNonZero(predicted_edge & near_true), cv2.countNonZero(true_edge & near_predicted)]
    return (
        cv2.countNonZero(predicted & true),
        cv2.countNonZero(predicted | true),
        cv2.countNonZero(predicted_edge),
        cv2.countNonZero(true_edge),
        *matched[:2],
        cv2.countNonZero(true),
        *matched[2:],
    )


@lru_cache(maxsize=256)
def _disc(radius: float) -> np.ndarray:
    """(n, n) uint8: where x^2 + y^2 <= radius^2 on the grid -radius, 1 - radius, ..., which has n = ceil(2 r + 1)."""
    steps = np.arange(-radius, radius + 1)
    disc: np.ndarray = (steps[:, None] ** 2 + steps[None, :] ** 2 <= radius**2).astype(np.uint8)
    return disc
