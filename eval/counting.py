"""Counts the pixels of one frame, for objects compared by id or for every pair of proposal and object."""

from __future__ import annotations

import cv2
import numpy as np

from eval.bitplanes import MASKS_PER_BYTE, boundary, count, count_pairs, dilate
from eval.masks import FrameMasks, window_of
from eval.measures import tolerance_radius

_PREDICTED, _TRUE, _BOTH = np.uint8(1), np.uint8(2), np.uint8(3)

COUNTS = 7
"""Rows of a count array, in the order of the fields of `MaskCounts`."""


def count_by_id(prediction: FrameMasks, truth: FrameMasks, ids: tuple[int, ...]) -> np.ndarray:
    """Compares each object with the prediction of the same id.

    Returns:
        (7, len(ids)) int64, rows in the order of the fields of `MaskCounts`.
    """
    counts = np.zeros((COUNTS, len(ids)), np.int64)
    radius = tolerance_radius(*truth.shape)
    for column, object_id in enumerate(ids):
        planes = prediction.mask(object_id) | _up(truth.mask(object_id))
        window = window_of(planes)
        if window is not None:
            counts[:, column] = _count_one(planes[window], radius)
    return counts


def _count_one(planes: np.ndarray, radius: int) -> tuple[int, ...]:
    """The counts of one object; `planes` has its prediction in bit 0 and its ground truth in bit 1.

    Both masks go through the same boundary and the same dilation at once.
    """
    edges = boundary(planes)
    near = dilate(edges, radius)
    return (
        cv2.countNonZero((planes == _BOTH).view(np.uint8)),
        cv2.countNonZero(planes),
        cv2.countNonZero(edges & _PREDICTED),
        cv2.countNonZero(edges & _TRUE),
        cv2.countNonZero(_up(edges) & near & _TRUE),
        cv2.countNonZero(edges & _up(near) & _TRUE),
        cv2.countNonZero(planes & _TRUE),
    )


def _up(planes: np.ndarray) -> np.ndarray:
    """Moves bit 0 to bit 1; numpy vectorises this addition, but not a shift."""
    moved: np.ndarray = planes + planes
    return moved


def count_all_pairs(prediction: FrameMasks, truth: FrameMasks, proposals: int, objects: int) -> np.ndarray:
    """Compares every proposal 1..`proposals` with every object 1..`objects`.

    Returns:
        (7, proposals, objects) int64, rows in the order of the fields of `MaskCounts`.
    """
    counts = np.zeros((COUNTS, proposals, objects), np.int64)
    window = window_of(prediction.support() | truth.support())
    if window is None:
        return counts
    radius = tolerance_radius(*truth.shape)
    sides = [
        [(group, *_with_boundaries(masks.planes(group, window), radius)) for group in _groups(total)]
        for masks, total in ((prediction, proposals), (truth, objects))
    ]
    for rows, predicted, predicted_edge, predicted_near in sides[0]:
        for columns, true, true_edge, true_near in sides[1]:
            n, m = len(rows), len(columns)
            shared = count_pairs(predicted, true, n, m)
            areas, edges = (count(predicted, n), count(true, m)), (count(predicted_edge, n), count(true_edge, m))
            counts[:, rows[0] - 1 : rows[-1], columns[0] - 1 : columns[-1]] = np.stack(
                [
                    shared,
                    areas[0][:, None] + areas[1][None, :] - shared,
                    np.broadcast_to(edges[0][:, None], (n, m)),
                    np.broadcast_to(edges[1][None, :], (n, m)),
                    count_pairs(predicted_edge, true_near, n, m),
                    count_pairs(predicted_near, true_edge, n, m),
                    np.broadcast_to(areas[1][None, :], (n, m)),
                ]
            )
    return counts


def _groups(total: int) -> list[tuple[int, ...]]:
    ids = tuple(range(1, total + 1))
    return [ids[start : start + MASKS_PER_BYTE] for start in range(0, total, MASKS_PER_BYTE)]


def _with_boundaries(planes: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    edge = boundary(planes)
    return planes, edge, dilate(edge, radius)
