"""Boundaries, dilation and pixel counts of up to eight masks at once: bit k of a byte belongs to mask k.

The measures of DAVIS need only counts of pixels, so any exact way to count gives the exact measure. Here a byte per
pixel holds eight masks, and each bitwise operation on the array works on all of them:

* a boundary is where the 2x2 block to the right and below is neither all in nor all out of the mask;
* dilation by a disc is the union, over the rows of the disc, of horizontal spans.

Rows are laid out with a margin as wide as the disc's radius, so that a horizontal shift is a shift of the flat array:
what leaves a row at its end lands in the margin and never reaches the next row.
"""

from __future__ import annotations

from functools import lru_cache
from math import isqrt

import cv2
import numpy as np

MASKS_PER_BYTE = 8
_BITS = tuple(np.uint8(1 << k) for k in range(MASKS_PER_BYTE))


def boundary(planes: np.ndarray) -> np.ndarray:
    """Boundary pixels of each mask.

    A pixel is a boundary pixel when the block of itself and its right, lower and lower-right neighbours is mixed.
    Outside the array the last row and column repeat, so that the edge of the frame is no boundary.

    Args:
        planes: (H, W) uint8, bit k is mask k.

    Returns:
        (H, W) uint8 of the same form.
    """
    planes = np.ascontiguousarray(planes)
    union, common = planes.copy(), planes.copy()
    _combine_with_next(np.bitwise_or, union, planes)
    _combine_with_next(np.bitwise_and, common, planes)
    np.bitwise_or(union[:-1], union[1:], out=union[:-1])
    np.bitwise_and(common[:-1], common[1:], out=common[:-1])
    np.bitwise_xor(union, common, out=union)
    return union


def _combine_with_next(operation: np.ufunc, out: np.ndarray, planes: np.ndarray) -> None:
    """out[y, x] = operation(planes[y, x], planes[y, x + 1]); the last column, which has no neighbour, is kept."""
    # As one flat row this is several times faster; it only gets the last column wrong.
    flat = planes.ravel()
    operation(flat[:-1], flat[1:], out=out.ravel()[:-1])
    out[:, -1] = planes[:, -1]


@lru_cache(maxsize=32)
def disc_half_widths(radius: int) -> tuple[int, ...]:
    """Half width of row dy = 0..radius of the disc x^2 + y^2 <= radius^2."""
    return tuple(isqrt(radius * radius - dy * dy) for dy in range(radius + 1))


def dilate(planes: np.ndarray, radius: int) -> np.ndarray:
    """Dilates each mask by the disc x^2 + y^2 <= radius^2; outside the array there is nothing.

    Args:
        planes: (H, W) uint8, bit k is mask k.
        radius: In pixels, at least 0.

    Returns:
        (H, W) uint8 view of the same form.
    """
    height, width = planes.shape
    stride = width + radius
    spans = np.zeros((height, stride), np.uint8)
    spans[:, :width] = planes
    out = np.zeros((height, stride), np.uint8)
    flat_spans, flat_out = spans.ravel(), out.ravel()
    scratch = np.empty_like(flat_spans)
    reach = 0
    # Rows far from the centre are narrow: going inwards, the spans only ever grow.
    for dy in range(radius, -1, -1):
        half_width = disc_half_widths(radius)[dy]
        while reach < half_width:
            step = min(half_width - reach, reach + 1)
            flat_spans, scratch = _widen(flat_spans, scratch, step), flat_spans
            reach += step
        if dy >= height:
            continue
        offset = dy * stride
        count = flat_out.size - offset
        np.bitwise_or(flat_out[offset:], flat_spans[:count], out=flat_out[offset:])
        if dy:
            np.bitwise_or(flat_out[:count], flat_spans[offset:], out=flat_out[:count])
    return out[:, :width]


def _widen(spans: np.ndarray, out: np.ndarray, step: int) -> np.ndarray:
    """Spans of half width k become spans of half width k + step; step is at most k + 1, so no gap opens."""
    out[:step] = spans[:step]
    np.bitwise_or(spans[step:], spans[:-step], out=out[step:])
    np.bitwise_or(out[:-step], spans[step:], out=out[:-step])
    return out


def count(planes: np.ndarray, masks: int) -> np.ndarray:
    """Pixels of each of the first `masks` masks: (masks,) int64."""
    return np.array([cv2.countNonZero(planes & bit) for bit in _BITS[:masks]], np.int64)


def count_pairs(rows: np.ndarray, columns: np.ndarray, n_rows: int, n_columns: int) -> np.ndarray:
    """Pixels in common of each mask of `rows` with each mask of `columns`: (n_rows, n_columns) int64."""
    counts = np.empty((n_rows, n_columns), np.int64)
    for k, bit in enumerate(_BITS[:n_columns]):
        selected = np.where(columns & bit, rows, np.uint8(0))
        counts[:, k] = count(selected, n_rows)
    return counts
