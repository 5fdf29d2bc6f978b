"""Clips as the tracker sees videos: through a window that follows its object, a little late and a little wrong."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

# A scene is drawn this much larger than the view when it is looked at through a window.
CANVAS = 1.4
# Largest magnification of a window, relative to the scene in one view.
_MOST = 2.1
_CONTEXT = 0.4
_WIDEN = 1.12
_NARROW = 1.05
_SEARCH = 1.3
_LATE = 0.15


def through_window(
    frames: Sequence[np.ndarray], labels: Sequence[np.ndarray], target: int, size: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Crops of a scene around one of its objects, as a tracker that knows its mask in the frame before would make them.

    Args:
        frames: (C, C, 3) float32 each.
        labels: (C, C) int32 each.
        target: Id of the object that is followed.
        size: Side of the crops.
        rng: Decides how much room is left, how late and how wrong the window is.

    Returns:
        (size, size, 3) frames and (size, size) labels.
    """
    canvas = frames[0].shape[0]
    context = _CONTEXT * rng.uniform(0.6, 1.6)
    smallest = canvas / _MOST
    side, center = float(canvas), np.full(2, canvas / 2)
    crops: list[np.ndarray] = []
    crop_labels: list[np.ndarray] = []
    for index, (frame, frame_labels) in enumerate(zip(frames, labels, strict=True)):
        known = labels[max(index - 1, 0)]
        late = index > 0 and rng.random() < _LATE
        box = None if late else _box(known == target)
        if box is not None:
            wanted = float(np.clip(box[2:].max() * (1 + 2 * context), smallest, canvas))
            side = wanted if index == 0 else float(np.clip(wanted, side / _NARROW, side * _WIDEN))
            center = box[:2] + rng.normal(size=2) * 0.04 * side
        elif not late:
            side = min(side * _SEARCH, float(canvas))
        middle = np.clip(center, side / 2, canvas - side / 2)
        scale = size / side
        matrix = np.column_stack([np.eye(2) * scale, size / 2 - scale * middle])
        crops.append(cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR))
        # OpenCV warps no int32; ids stay below 2^24 and are exact in float32.
        warped = cv2.warpAffine(frame_labels.astype(np.float32), matrix, (size, size), flags=cv2.INTER_NEAREST)
        crop_labels.append(warped.astype(np.int32))
    return crops, crop_labels


def _box(mask: np.ndarray) -> np.ndarray | None:
    """(4,) centre x, y, width, height; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return None
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], float)
