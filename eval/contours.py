"""Contours of masks as polygons: traced along the edges of pixels, simplified, and sampled evenly.

Coordinates are (row, column) of pixel corners: pixel (r, c) covers [r, r + 1] x [c, c + 1]. Contours are closed: the
last point is the first one. The object is on the right of the direction of travel.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

Points = np.ndarray
"""(N, 2) float64, row and column."""

# Points within this distance of a line are on it, in pixels.
_STRAIGHT = 0.05
_FEWEST_POINTS = 4
"""Simplified contours with fewer points (the closing one counted) have no shape and are dropped."""


def trace_contours(mask: np.ndarray) -> list[Points]:
    """All contours of a (H, W) bool mask, holes included, in the order of their first corner in reading order.

    Each begins at that corner. Pixels that only touch at a corner belong to different contours.
    """
    padded = np.pad(mask.astype(bool), 1)
    inside, above, left = padded[1:, 1:], padded[:-1, 1:], padded[1:, :-1]
    # Steps along horizontal edges: rightwards above the object, leftwards below it; and likewise along vertical ones.
    steps: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, column in np.argwhere(inside != above).tolist():
        start = (row, column) if inside[row, column] else (row, column + 1)
        steps.setdefault(start, []).append((0, 1 if inside[row, column] else -1))
    for row, column in np.argwhere(inside != left).tolist():
        start = (row + 1, column) if inside[row, column] else (row, column)
        steps.setdefault(start, []).append((-1 if inside[row, column] else 1, 0))
    contours = []
    for start in sorted(steps):
        while steps[start]:
            contours.append(_trace_from(start, steps))
    return contours


def _trace_from(start: tuple[int, int], steps: dict[tuple[int, int], list[tuple[int, int]]]) -> Points:
    """Follows steps, and uses them up, until the contour is closed."""
    path = [start]
    row, column = start
    direction = steps[start].pop(0)
    while True:
        row, column = row + direction[0], column + direction[1]
        path.append((row, column))
        if (row, column) == start:
            return np.array(path, np.float64)
        found = steps[row, column]
        # Where two pixels touch at a corner: a turn to the right stays with the same one.
        right = (direction[1], -direction[0])
        direction = found.pop(found.index(right) if right in found else 0)


def simplify(contour: Points, tolerance: float) -> Points:
    """Douglas-Peucker simplification of a closed contour (Douglas and Peucker, 1973), after points that are nearer than
    the tolerance to the last one kept are dropped. The first point and the last always stay.
    """
    if len(contour) < 3:
        return contour
    kept = [0]
    for index in range(1, len(contour) - 1):
        if float(((contour[index] - contour[kept[-1]]) ** 2).sum()) >= tolerance**2:
            kept.append(index)
    points = contour[[*kept, len(contour) - 1]]
    is_key = np.zeros(len(points), bool)
    is_key[[0, -1]] = True
    pending = [(0, len(points) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        distances = _distances_to_segment(points[first + 1 : last], points[first], points[last])
        # Parity: of several farthest points the last one.
        middle = last - 1 - int(distances[::-1].argmax())
        if distances[middle - first - 1] > tolerance**2:
            is_key[middle] = True
            pending += [(middle, last), (first, middle)]
    return points[is_key]


def _distances_to_segment(points: Points, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(N,) squared distances of points to a segment, which may be a single point.

    Parity: where along the segment the nearest point is, is rounded to float32.
    """
    along = end - start
    length = float(along @ along)
    share = np.zeros(len(points))
    if length:
        reached = ((points - start) @ along).astype(np.float32) / np.float32(length)
        share = np.clip(reached, 0, 1).astype(np.float64)
    distances: np.ndarray = ((points - start - share[:, None] * along) ** 2).sum(axis=1)
    return distances


def longest_contour(mask: np.ndarray, tolerance: float) -> Points | None:
    """The simplified contour with the most points; None if there is none with a shape.

    Args:
        mask: (H, W) bool.
        tolerance: Of the simplification, in pixels.
    """
    contours = [_simplify_downwards(contour, tolerance) for contour in trace_contours(mask)]
    contours = [contour for contour in contours if len(contour) >= _FEWEST_POINTS]
    return max(contours, key=len, default=None)


def _simplify_downwards(contour: Points, tolerance: float) -> Points:
    """Simplifies in the direction in which the contour leaves its first corner downwards.

    Parity: which points stay depends on the direction, and this is the one of the published code, which also takes
    the points on straight lines out first: otherwise they would count as near to each other.
    """
    downwards = contour if contour[1, 0] > contour[0, 0] else contour[::-1]
    simplified = simplify(simplify(downwards, _STRAIGHT), tolerance)
    return simplified if downwards is contour else simplified[::-1]


def sample(contour: Points, spacing: float) -> Points:
    """The points of a contour, with more between neighbours that are farther apart than `spacing`, evenly.

    Parity: points in between are reached step by step in float32.
    """
    points = contour.astype(np.float32)
    parts = []
    for start, end in itertools.pairwise(points):
        count = max(1, math.ceil(np.float32(np.sqrt(((end - start) ** 2).sum())) / np.float32(spacing)))
        step = (end - start) / np.float32(count)
        parts.append(np.add.accumulate(np.concatenate([start[None], np.repeat(step[None], count - 1, axis=0)])))
    return np.concatenate([*parts, points[-1:]]).astype(np.float64)
