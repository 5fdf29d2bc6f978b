"""A user who scribbles where a mask is wrong, after the robot of the DAVIS interactive challenge.

Its steps (Caelles et al., "The 2018 DAVIS Challenge on Video Object Segmentation", section 3; davis-interactive): the
error is smoothed by an opening, whose radius is 7.5 % of the square root of its area and at most 16 pixels; it is
thinned to a skeleton; of every connected piece of the skeleton the longest path is a scribble; pieces of fewer than 4
pixels are dropped. Two things differ: a path stays a polyline through the skeleton instead of one Bezier curve with the
pixels of the path as its control points, which may leave the error; and thinning is that of Zhang and Suen, not the
medial axis.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

_RADIUS_OF_SIDE = 0.075
_MAX_RADIUS = 16.0
_SHRINKING = 0.9
_LEAST_PIXELS = 4
# Pixels of a path between two of its points: a hand does not follow the staircase of a skeleton.
_STEP = 6


def scribbles_in(error: np.ndarray) -> list[np.ndarray]:
    """(H, W) bool -> paths (N, 2) of x, y in pixels, the longest first; none in an error that is too small."""
    if not error.any():
        return []
    x, y, width, height = cv2.boundingRect(error.astype(np.uint8))
    part = np.pad(error[y : y + height, x : x + width].astype(np.uint8), 1)
    paths = [path for path in _longest_paths(thin(_opened(part))) if len(path) >= _LEAST_PIXELS]
    paths.sort(key=len, reverse=True)
    offset = np.array([x - 1, y - 1]) + 0.5
    return [_thinned_out(path) + offset for path in paths]


def thin(mask: np.ndarray) -> np.ndarray:
    """(H, W) 0/1 with a margin of zeros -> skeleton of one pixel's width (Zhang and Suen, 1984)."""
    kept = mask.astype(bool)
    while True:
        before = kept.sum()
        for first in (True, False):
            n, ne, e, se, s, sw, w, nw = (
                np.roll(kept, shift, (0, 1))
                for shift in ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
            )
            around = [n, ne, e, se, s, sw, w, nw]
            count = np.sum(around, 0)
            rises = np.sum([~a & b for a, b in zip(around, [*around[1:], n], strict=True)], 0)
            if first:
                open_sides = ~(n & e & s) & ~(e & s & w)
            else:
                open_sides = ~(n & e & w) & ~(n & s & w)
            kept &= ~(kept & (count >= 2) & (count <= 6) & (rises == 1) & open_sides)
        if kept.sum() == before:
            return kept


def _opened(mask: np.ndarray) -> np.ndarray:
    radius = min(_RADIUS_OF_SIDE * float(np.sqrt(mask.sum())), _MAX_RADIUS)
    while radius > 1:
        reach = int(radius)
        rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disc = (rows**2 + columns**2 <= radius**2).astype(np.uint8)
        opened: np.ndarray = cv2.dilate(cv2.erode(mask, disc, borderValue=0), disc)
        if opened.any():
            return opened
        radius *= _SHRINKING
    return mask


def _longest_paths(skeleton: np.ndarray) -> list[np.ndarray]:
    """Of every connected piece the longest of the shortest ways between two pixels, (N, 2) x, y each."""
    pixels = {(int(x), int(y)) for y, x in zip(*np.nonzero(skeleton), strict=True)}
    paths = []
    while pixels:
        start = min(pixels)
        ways = _ways_from(start, pixels)
        far = next(reversed(ways))
        ways = _ways_from(far, pixels)
        path = [next(reversed(ways))]
        while path[-1] != far:
            path.append(ways[path[-1]])
        paths.append(np.array(path, float))
        pixels -= ways.keys()
    return paths


def _ways_from(start: tuple[int, int], pixels: set[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """Every pixel that is connected to `start` -> the one before it; in the order of their distance."""
    ways = {start: start}
    queue = deque([start])
    while queue:
        x, y = queue.popleft()
        # Sideways first, so that a way has no corner where it needs none.
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            near = (x + dx, y + dy)
            if near in pixels and near not in ways:
                ways[near] = (x, y)
                queue.append(near)
    return ways


def _thinned_out(path: np.ndarray) -> np.ndarray:
    chosen = [*range(0, len(path) - 1, _STEP), len(path) - 1]
    return path[chosen]
