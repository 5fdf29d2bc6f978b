"""Corrections by marks: what the marks ask for changes, and little else.

A mark on an object whose mask is known starts from that mask (SEEM section 3.2: the memory prompt of the round before
goes into the interactive round). The network answers with a new mask; of its changes those are taken that touch a mark
which asks for them, and none that takes pixels of another object without a mark there. A mark that the network does not
follow grows over the pixels around it that look like it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from seem_model.video_model import Features, PromptMaps, VideoModel
from vos.prompts.maps import DrawnPrompt
from vos.tracking.view import View

# How far a mark that the network does not follow may grow, as a share of the view's shorter side, and how much the
# colours may differ there, of 255.
_REACH = 0.08
_TOLERANCE = 14
_SURE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class KnownObject:
    """What is known of an object before a correction, on one view of the frame.

    Attributes:
        mask: (h, w) float32 in [0, 1], the mask to correct.
        others: (h, w) float32 in [0, 1], pixels of other objects.
        memory: Remembered views of it.
        reference: Its referring visual prompt, if it has one.
    """

    mask: np.ndarray
    others: np.ndarray
    memory: Sequence[Any] = ()
    reference: Any = None


def refine_mask(
    model: VideoModel,
    features: Features,
    view: View,
    crop: Callable[[], np.ndarray],
    drawn: DrawnPrompt,
    known: KnownObject,
) -> np.ndarray:
    """(h, w) float32 in [0, 1]: the mask of an object after a correction.

    Args:
        model: The model.
        features: Of the view.
        view: Where; it shows the mask and all marks.
        crop: Gives (rows, columns, 3) uint8, what the network sees; called only where a mark was not followed.
        drawn: The marks.
        known: The object before.
    """
    size = features.mask_size
    maps = PromptMaps(view.crop_map(drawn.positive, size), view.crop_map(drawn.negative, size), drawn.kind)
    on, off = (view.crop_map(marks, size) > 0 for marks in (drawn.inside, drawn.outside))
    answer = model.refine(features, [maps], known.mask[None], known.memory, known.reference)[0]
    mask = _asked_for(known.mask, answer, on, off, known.others)
    missed_on, missed_off = on & (mask < 0.5) & ~off, off & (mask >= 0.5)
    if missed_on.any():
        grown = _grown(crop(), missed_on, off | ((known.others >= 0.5) & ~on))
        mask = np.maximum(mask, _SURE * grown)
    if missed_off.any():
        grown = _grown(crop(), missed_off, on & ~off)
        mask = np.minimum(mask, 1 - _SURE * grown)
    return mask


def gained_area(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(h, w) bool: the cells that a mask has gained, and those beside them, through which its border runs now."""
    return _wider((after >= 0.5) & (before < 0.5))


def _asked_for(
    before: np.ndarray, after: np.ndarray, on: np.ndarray, off: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """`before` with those changes towards `after` that a mark asks for; all (h, w)."""
    was, now = before >= 0.5, after >= 0.5
    theirs = others >= 0.5
    # Another object's pixels are up for change only where a mark lies on them.
    claimed = _touching(theirs, on)
    added = _touching(now & ~was & (~theirs | claimed), _wider(on))
    removed = _touching(was & ~now, _wider(off))
    result = before.copy()
    for change in (added, removed):
        # The rim moves with the change: probabilities there are the network's, or a border would stay behind.
        rim = _wider(change) & ~(theirs & ~claimed)
        result[rim] = np.where((now == was) | change, after, before)[rim]
    return result


def _touching(region: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The connected parts of a region that a mark lies on."""
    if not (region & marks).any():
        return np.zeros_like(region)
    _, parts = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)
    touched: np.ndarray = np.isin(parts, np.unique(parts[region & marks])) & region
    return touched


def _wider(region: np.ndarray) -> np.ndarray:
    wider: np.ndarray = cv2.dilate(region.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return wider


def _grown(rgb: np.ndarray, marks: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """(h, w) share of each cell that looks like the marks in it and is connected with them, not far from them.

    Args:
        rgb: (rows, columns, 3) uint8 of the view.
        marks: (h, w) bool, where it starts.
        closed: (h, w) bool, where it does not go.
    """
    rows, columns = rgb.shape[:2]
    size = marks.shape
    smooth = cv2.medianBlur(rgb, 3)
    far = cv2.distanceTransform(
        (cv2.resize(marks.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST) == 0).astype(np.uint8),
        cv2.DIST_L2,
        3,
    )
    barrier = (far > _REACH * min(rows, columns)) | (
        cv2.resize(closed.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST) > 0
    )
    filled = np.zeros((rows + 2, columns + 2), np.uint8)
    filled[1:-1, 1:-1] = barrier
    grown = np.zeros((rows, columns), np.float32)
    tolerance = (_TOLERANCE,) * 3
    for row, column in np.argwhere(marks):
        seed = (int((column + 0.5) * columns / size[1]), int((row + 0.5) * rows / size[0]))
        if filled[seed[1] + 1, seed[0] + 1] == 0:
            flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (2 << 8)
            cv2.floodFill(smooth, filled, seed, (0, 0, 0), tolerance, tolerance, flags)
    grown[filled[1:-1, 1:-1] == 2] = 1
    share: np.ndarray = cv2.resize(grown, size[::-1], interpolation=cv2.INTER_AREA)
    share = np.maximum(share, marks)
    return share
