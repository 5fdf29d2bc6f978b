"""Shape contexts of the points of a contour, and the cost of matching two contours by them.

Belongie, Malik and Puzicha, "Shape Matching and Object Recognition Using Shape Contexts", PAMI 2002: the descriptor of
a point is the histogram of where the other points are, in 12 directions and 5 distances on a logarithmic scale,
relative to the mean distance of all pairs. Two contours are matched by dynamic time warping.
"""

from __future__ import annotations

import numpy as np

_DIRECTIONS = 12
_DISTANCES = np.logspace(np.log10(1 / 8), np.log10(2), 5)
_TINY = 2.2204e-16


def shape_contexts(points: np.ndarray) -> np.ndarray:
    """(N, 2) points -> (N, 60) int64 histograms. Points farther than twice the mean distance are left out."""
    difference = points[None, :, :] - points[:, None, :]
    distance = np.sqrt((difference**2).sum(axis=2))
    ring = (distance[:, :, None] / distance.mean() < _DISTANCES).sum(axis=2) - 1
    angle = np.fmod(np.arctan2(difference[:, :, 0], difference[:, :, 1]) + 2 * np.pi, 2 * np.pi)
    sector = np.minimum((angle / (2 * np.pi / _DIRECTIONS)).astype(np.int64), _DIRECTIONS - 1)
    size = _DIRECTIONS * len(_DISTANCES)
    histograms = np.zeros((len(points), size), np.int64)
    for index in range(len(points)):
        near = ring[index] >= 0
        histograms[index] = np.bincount(sector[index, near] * len(_DISTANCES) + ring[index, near], minlength=size)
    return histograms


def histogram_costs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, B) and (M, B) histograms -> (N, M) chi-square distances of the normalised histograms, in [0, 1]."""
    a, b = (h / (h.sum(axis=1, keepdims=True) + _TINY) for h in (first, second))
    costs = np.zeros((len(a), len(b)))
    for column in range(a.shape[1]):
        x, y = a[:, None, column], b[None, :, column]
        costs += (x - y) ** 2 / (x + y + _TINY)
    return costs / 2


def matching_cost(costs: np.ndarray) -> float:
    """Mean cost of the pairs of two closed contours that are matched one to one, in order.

    The contours are aligned at the cheapest pair of a first alignment, which begins at their first points.

    Args:
        costs: (N, M) cost of each pair of points.
    """
    first = align(costs)
    # The pair nearest to the end counts where several are cheapest; the first points are where the path begins.
    row, column = min(first[:-1], key=lambda pair: costs[pair]) if len(first) > 1 else first[0]
    shift = (row + 1, column + 1)
    pairs = align(np.roll(costs, (-shift[0], -shift[1]), axis=(0, 1)))
    pairs = [((i + shift[0]) % costs.shape[0], (j + shift[1]) % costs.shape[1]) for i, j in pairs]
    for side in (0, 1):
        best: dict[int, tuple[int, int]] = {}
        for pair in pairs:
            if pair[side] not in best or costs[pair] < costs[best[pair[side]]]:
                best[pair[side]] = pair
        pairs = [best[key] for key in sorted(best)]
    return float(np.mean([costs[pair] for pair in pairs]))


def align(costs: np.ndarray) -> list[tuple[int, int]]:
    """The cheapest path from the first pair to the last, by steps of one in either contour or both (dynamic time
    warping), from its end to its beginning. The first pair is free.
    """
    rows, columns = costs.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[1, 1] = 0.0
    for diagonal in range(1, rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows - 1, diagonal) + 1)
        j = diagonal - i
        before = np.minimum(np.minimum(total[i, j + 1], total[i + 1, j]), total[i, j])
        total[i + 1, j + 1] = before + costs[i, j]
    path = [(rows - 1, columns - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        path.append(min(((i, j - 1), (i - 1, j), (i - 1, j - 1)), key=lambda pair: total[pair[0] + 1, pair[1] + 1]))
    return path
