"""Masks that do not flicker: a temporal median with a bounded look-ahead.

Every frame is compared with a few before and after it. Objects move between frames, so their masks are first moved to
where the object is in the frame in hand; a pixel then goes with the majority.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from vos.results import FrameResult
from vos.video import Frame

# A mask whose centre is further from where it should be (in pixels) has moved, and does not just flicker.
_DISPLACED = 4.0


def steady_masks(
    results: Iterable[tuple[Frame, FrameResult]], reach: int, *, keep: Collection[int] = ()
) -> Iterator[tuple[Frame, FrameResult]]:
    """The same frames with masks that have been compared with their neighbours; `reach` frames late.

    Args:
        results: In order of the frames.
        reach: Frames before and after; at least 1.
        keep: Numbers of frames that stay as they are: where the user has marked something.
    """
    window: deque[tuple[Frame, FrameResult]] = deque()
    place = 0  # of the frame in hand, in the window
    for item in results:
        window.append(item)
        if len(window) - place > reach:
            yield _steadied(window, place, keep)
            place += 1
            if place > reach:
                window.popleft()
                place -= 1
    while place < len(window):
        yield _steadied(window, place, keep)
        place += 1
        if place > reach:
            window.popleft()
            place -= 1


def _steadied(
    window: Sequence[tuple[Frame, FrameResult]], place: int, keep: Collection[int]
) -> tuple[Frame, FrameResult]:
    frame, result = window[place]
    if result.index in keep:
        return frame, result
    labels = result.labels.copy()
    for object_id in result.object_ids:
        mask = result.labels == object_id
        # An object that comes or goes is not compared with frames in which it is away.
        others = [
            (other.index, own)
            for _, other in window
            if other is not result and (own := other.labels == object_id).any()
        ]
        if len(others) < 2 or not mask.any():
            continue
        centres = np.array([_centre(own) for _, own in others])
        here = _expected_centre([index - result.index for index, _ in others], centres, _centre(mask))
        votes = mask.astype(np.uint8)
        for (_, own), centre in zip(others, centres, strict=True):
            votes += _moved(own, here - centre)
        count = len(others) + 1
        labels[mask & (2 * votes < count)] = 0
        labels[(2 * votes > count) & (labels == 0)] = object_id
    return frame, replace(result, labels=labels)


def _expected_centre(offsets: Sequence[int], centres: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(2,): where an object should be by its way through the other frames; where it is, if it goes another way.

    What flickers displaces the centre of its own mask.
    """
    if min(offsets) > 0 or max(offsets) < 0:
        return own
    design = np.stack([np.ones(len(offsets)), np.asarray(offsets, float)], 1)
    expected: np.ndarray = np.linalg.lstsq(design, centres, rcond=None)[0][0]
    return expected if np.hypot(*(expected - own)) <= _DISPLACED else own


def _moved(mask: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """(H, W) uint8: a mask shifted by (x, y), rounded to whole pixels."""
    matrix = np.array([[1, 0, round(float(shift[0]))], [0, 1, round(float(shift[1]))]], np.float32)
    size = (mask.shape[1], mask.shape[0])
    moved: np.ndarray = cv2.warpAffine(mask.view(np.uint8), matrix, size, flags=cv2.INTER_NEAREST)
    return moved


def _centre(mask: np.ndarray) -> np.ndarray:
    """(x, y): the median of the pixels' coordinates, which a few wrong ones hardly move."""
    counts = mask.sum(0), mask.sum(1)
    return np.array([float(np.searchsorted(np.cumsum(c), c.sum() / 2)) for c in counts])
