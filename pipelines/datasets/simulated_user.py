"""What a user would draw for a true mask, by fixed rules: the same mask always gives the same prompt.

* box: the smallest box of whole pixels that holds the mask;
* point: the centre of the pixel farthest from the background and from the border of the picture (Euclidean distance
  transform; the first such pixel in reading order);
* stroke: the morphological skeleton of the mask (Lantuéjoul: what each repeated erosion by a cross leaves that an
  opening by the same cross does not), only its part at least a third as deep as the deepest pixel, since people do not
  draw along the outline, drawn with a brush of 5 pixels and cut at the mask.
"""

from __future__ import annotations

import cv2
import numpy as np

STROKE_WIDTH = 5
_SHALLOWEST = 1 / 3


def box_around(mask: np.ndarray) -> tuple[int, int, int, int]:
    """(H, W) bool, not empty -> x0, y0, x1, y1 in pixels; x1 and y1 are one past the last pixel."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, x + width, y + height


def deepest_point(mask: np.ndarray) -> tuple[float, float]:
    """(H, W) bool, not empty -> x, y of the centre of the innermost pixel."""
    padded = np.pad(mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(column) + 0.5, float(row) + 0.5


def central_stroke(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool, not empty -> (H, W) bool: a brush stroke along the middle of the mask, inside it."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    layer: np.ndarray = np.pad(mask.astype(np.uint8), 1)
    ridge = np.zeros(layer.shape, np.uint16)  # of a skeleton pixel: how many layers lie over it
    level = 0
    while layer.any():
        level += 1
        eroded = cv2.erode(layer, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        opened = cv2.dilate(eroded, cross)
        ridge[(layer != 0) & (opened == 0)] = level
        layer = eroded
    deep = (ridge >= max(1.0, _SHALLOWEST * level)).astype(np.uint8)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (STROKE_WIDTH, STROKE_WIDTH))
    result: np.ndarray = (cv2.dilate(deep, brush)[1:-1, 1:-1] != 0) & mask
    return result
