"""Colours of objects: the palette of PASCAL VOC and DAVIS, and painting labels over a picture.

The palette is the bit-reversal colour map of the PASCAL VOC development kit: bit 3k of the index goes to red,
bit 3k+1 to green and bit 3k+2 to blue, most significant colour bit first. DAVIS uses the same colours for its
first objects.
"""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ["DAVIS_PALETTE", "colour_of", "davis_index_of", "paint_overlay"]


def _voc_palette(size: int) -> np.ndarray:
    palette = np.zeros((size, 3), dtype=np.uint8)
    index = np.arange(size)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((index >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    palette.setflags(write=False)
    return palette


_CONTOUR_WIDTH = 2

# (256, 3) uint8 RGB; row 0 is black, the background.
DAVIS_PALETTE: np.ndarray = _voc_palette(256)

_INDEX_OF_COLOUR: dict[tuple[int, int, int], int] = {
    (int(r), int(g), int(b)): index for index, (r, g, b) in enumerate(DAVIS_PALETTE)
}


def colour_of(object_id: int) -> tuple[int, int, int]:
    """RGB of an object id. Ids above 255 use the colours of 1..255 again; 0 is black."""
    index = 0 if object_id == 0 else (object_id - 1) % 255 + 1
    r, g, b = DAVIS_PALETTE[index]
    return int(r), int(g), int(b)


def davis_index_of(colour: tuple[int, int, int]) -> int | None:
    """Index of an RGB colour in the DAVIS palette, or None when the palette has no such colour."""
    return _INDEX_OF_COLOUR.get(colour)


def paint_overlay(rgb: np.ndarray, labels: np.ndarray, *, opacity: float = 0.5, contour: bool = True) -> np.ndarray:
    """Paints every object over a picture in its own colour.

    Args:
        rgb: (H, W, 3) uint8.
        labels: (H, W) integer, 0 is background.
        opacity: Share of the object's colour in the mixture, in [0, 1].
        contour: Also draw the inner boundary of each object, two pixels wide, in its pure colour.

    Returns:
        (H, W, 3) uint8, a new array; pixels of the background are those of `rgb`.

    Examples:
        >>> rgb, labels = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint16)
        >>> labels[1:3, 2:5] = 1
        >>> painted = paint_overlay(rgb, labels)
        >>> [[int(pixel.any()) for pixel in row] for row in painted]
        [[0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0], [0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]]
    """
    out = rgb.copy()
    rows, columns = np.flatnonzero(labels.any(axis=1)), np.flatnonzero(labels.any(axis=0))
    if rows.size == 0:
        return out
    # Only the box around all objects is touched, and as much around it as a boundary looks.
    top, left = max(0, rows[0] - _CONTOUR_WIDTH), max(0, columns[0] - _CONTOUR_WIDTH)
    window = np.s_[top : rows[-1] + _CONTOUR_WIDTH + 1, left : columns[-1] + _CONTOUR_WIDTH + 1]
    inside = np.ascontiguousarray(labels[window]).astype(np.uint16)
    # Same rule as colour_of: 1..255 as they are, 256 like 1, and so on; the background stays 0.
    index = inside if inside.max() <= 255 else np.where(inside > 255, (inside - 1) % 255 + 1, inside)
    colours = cv2.LUT(cv2.merge([index.astype(np.uint8)] * 3), DAVIS_PALETTE[None])
    painted = (inside != 0).view(np.uint8)
    view = out[window]
    cv2.copyTo(cv2.addWeighted(view, 1.0 - opacity, colours, opacity, 0.0), painted, view)
    if contour:
        # A pixel is on the boundary when another label lies close by. On the labels themselves, because two
        # neighbours may share a colour.
        kernel = np.ones((2 * _CONTOUR_WIDTH + 1,) * 2, dtype=np.uint8)
        edge = (cv2.dilate(inside, kernel) != cv2.erode(inside, kernel)).view(np.uint8) & painted
        cv2.copyTo(colours, edge, view)
    return out
