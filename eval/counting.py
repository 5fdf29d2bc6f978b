"""Counts the pixels of one frame, for objects compared by id or for every pair of proposal and object."""

from __future__ import annotations

import numpy as np

from eval.bitplanes import MASKS_PER_BYTE, boundary, count, count_pairs, dilate
from eval.masks import FrameMasks, common_window
from eval.measures import tolerance_radius

COUNTS = 6
"""Rows of a count array, in the order of the fields of `MaskCounts`."""


def count_by_id(prediction: FrameMasks, truth: FrameMasks, ids: tuple[int, ...]) -> np.ndarray:
    """Compares each object with the prediction of the same id.

    Returns:
        (6, len(ids)) int64, rows in the order of the fields of `MaskCounts`.
    """
    counts = np.zeros((COUNTS, len(ids)), np.int64)
    window = common_window(prediction, truth)
    if window is None:
        return counts
    radius = tolerance_radius(*truth.shape)
    for start in range(0, len(ids), MASKS_PER_BYTE):
        group = ids[start : start + MASKS_PER_BYTE]
        counts[:, start : start + len(group)] = _count_group(
            prediction.planes(group, window), truth.planes(group, window), len(group), radius
        )
    return counts


def _count_group(predicted: np.ndarray, true: np.ndarray, masks: int, radius: int) -> np.ndarray:
    predicted_edge, true_edge = boundary(predicted), boundary(true)
    return np.stack(
        [
            count(predicted & true, masks),
            count(predicted | true, masks),
            count(predicted_edge, masks),
            count(true_edge, masks),
            count(predicted_edge & dilate(true_edge, radius), masks),
            count(true_edge & dilate(predicted_edge, radius), masks),
        ]
    )


def count_all_pairs(prediction: FrameMasks, truth: FrameMasks, proposals: int, objects: int) -> np.ndarray:
    """Compares every proposal 1..`proposals` with every object 1..`objects`.

    Returns:
        (6, proposals, objects) int64, rows in the order of the fields of `MaskCounts`.
    """
    counts = np.zeros((COUNTS, proposals, objects), np.int64)
    window = common_window(prediction, truth)
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
                ]
            )
    return counts


def _groups(total: int) -> list[tuple[int, ...]]:
    ids = tuple(range(1, total + 1))
    return [ids[start : start + MASKS_PER_BYTE] for start in range(0, total, MASKS_PER_BYTE)]


def _with_boundaries(planes: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    edge = boundary(planes)
    return planes, edge, dilate(edge, radius)
