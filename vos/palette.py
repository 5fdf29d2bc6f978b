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
    """
    index = labels.astype(np.int32)
    # Same rule as colour_of: 1..255 as they are, 256 like 1, and so on; the background stays 0.
    index8 = np.where(index > 255, (index - 1) % 255 + 1, index).astype(np.uint8)
    painted = index8 != 0
    colours = DAVIS_PALETTE[index8]
    out = rgb.copy()
    if not painted.any():
        return out
    mixed = cv2.addWeighted(rgb, 1.0 - opacity, colours, opacity, 0.0)
    cv2.copyTo(mixed, painted.view(np.uint8), out)
    if contour:
        # A pixel is on the boundary when another label lies within its 5x5 neighbourhood. On the wide labels,
        # because two neighbours may share a colour.
        wide = labels.astype(np.uint16)
        kernel = np.ones((5, 5), dtype=np.uint8)
        edge = (cv2.dilate(wide, kernel) != cv2.erode(wide, kernel)) & painted
        cv2.copyTo(colours, edge.view(np.uint8), out)
    return out
