"""What one click may mean: whole, part, sub-part.

A click says where an object is and not how far it reaches. So it is read several times: as it is; as a box around the
mask that it gave, in that size and larger; and in a narrower view, where parts look like objects. Readings that agree
are one candidate. The best is the most stable one, whose area changes least with the threshold (the stability score of
SAM's mask generator, Kirillov et al. 2023, section 5): a reading that found no object has soft borders everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seem_model.video_model import PromptKind, PromptMaps, VideoModel
from vos.prompts.maps import DrawnPrompt, draw_rounds
from vos.prompts.points import MOST_CANDIDATES, Points
from vos.tracking.competition import logit, soft_iou
from vos.tracking.label_map import soft_mask
from vos.tracking.load_model import load_model
from vos.tracking.target import SeenMask
from vos.tracking.view import View
from vos.tracking.windows import Box, Frame, Window, box_of, box_of_pixels

# Measured on the first frames of the 30 training sequences (docs/windows.md): the sizes of boxes, in units of the mask
# that the click gave, and the part of the frame that is the narrower view.
_BOXES = (1.0, 1.4, 2.0)
_NARROW = 0.5
# Of the longer side, a box has at least this much of the shorter one when it is enlarged: a leg becomes an animal.
_LEAST_ASPECT = 0.8
_SAME = 0.8
_THRESHOLD = 0.27  # a logit of one: areas at this probability and at its complement are compared
_LEAST_SCORE = 0.45


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One reading of a click.

    Attributes:
        seen: Its mask, where it was read.
        score: Its stability, in [0, 1].
    """

    seen: SeenMask
    score: float


def is_ambiguous(drawn: DrawnPrompt) -> bool:
    """Whether all that is drawn is one positive click."""
    return drawn.kind is PromptKind.POINTS and int(drawn.inside.sum()) == 1 and not drawn.outside.any()


def read_click(model: VideoModel, features_of: Callable[[View], Any], drawn: DrawnPrompt, frame: Frame) -> SeenMask:
    """The mask of a click: the candidate that was chosen (the smallest, if there are not as many), or the best."""
    found, best = candidates_of(model, features_of, drawn, frame)
    return found[min(drawn.candidate, len(found)) - 1 if drawn.candidate else best].seen


def candidates_of(
    model: VideoModel, features_of: Callable[[View], Any], drawn: DrawnPrompt, frame: Frame
) -> tuple[list[Candidate], int]:
    """Up to three readings of a click, the largest first, and which of them is the best.

    Args:
        model: The model.
        features_of: Gives the features of a view.
        drawn: One positive click.
        frame: Sizes.
    """
    whole = frame.view(frame.everything)

    def read(view: View, marked: np.ndarray, kind: PromptKind) -> Candidate:
        features = features_of(view)
        cover = view.crop_map(marked, features.mask_size)
        mask = model.masks_from_prompts(features, [PromptMaps(cover, np.zeros_like(cover), kind)])[0]
        return Candidate(SeenMask(view, mask), _stability(mask))

    first = read(whole, drawn.positive, drawn.kind)
    found = [first]
    box = box_of(first.seen.mask, whole)
    if box is not None:
        found += [read(whole, _box_pixels(box, factor, frame), PromptKind.BOX) for factor in _BOXES]
    everything = frame.everything
    click = box_of_pixels(drawn.inside)
    narrow = Window(click.left, click.top, everything.zoom * _NARROW, everything.rows, everything.columns)
    if frame.view(narrow) != whole:
        found.append(read(frame.view(narrow), drawn.positive, drawn.kind))
    return _chosen(found, whole, features_of(whole).mask_size)


def _stability(mask: np.ndarray) -> float:
    wide = int(np.count_nonzero(mask > _THRESHOLD))
    return int(np.count_nonzero(mask > 1 - _THRESHOLD)) / wide if wide else 0.0


def _box_pixels(box: Box, factor: float, frame: Frame) -> np.ndarray:
    """(H, W) bool of a box that is larger by a factor around the same centre."""
    half = np.array([box.right - box.left, box.bottom - box.top]) / 2 * factor
    if factor > 1:
        half = np.maximum(half, _LEAST_ASPECT * half.max())
    middle = np.array([box.left + box.right, box.top + box.bottom]) / 2
    (left, top), (right, bottom) = np.floor(middle - half).astype(int), np.ceil(middle + half).astype(int)
    pixels = np.zeros((frame.height, frame.width), bool)
    pixels[max(top, 0) : max(bottom, 1), max(left, 0) : max(right, 1)] = True
    return pixels


def _chosen(found: list[Candidate], whole: View, size: tuple[int, int]) -> tuple[list[Candidate], int]:
    """The most stable readings that differ from each other, largest first, and the place of the best."""
    different: list[Candidate] = []
    maps: list[np.ndarray] = []
    for candidate in sorted(found, key=lambda own: -own.score):
        own = (candidate.seen.on(whole, size) >= 0.5).astype(np.float32)
        is_new = all(soft_iou(own[None], other[None])[0] < _SAME for other in maps)
        if is_new and len(different) < MOST_CANDIDATES and (candidate.score >= _LEAST_SCORE or not different):
            different.append(candidate)
            maps.append(own)
    ordered = sorted(different, key=lambda own: -own.seen.area)
    return ordered, ordered.index(different[0])


def point_candidates(
    rgb: np.ndarray, x: float, y: float, *, model: VideoModel | str = "compact"
) -> list[tuple[np.ndarray, float]]:
    """What one click on a picture may mean: `Points(..., candidate=n)` chooses the n-th.

    Args:
        rgb: (H, W, 3) uint8.
        x, y: The click, in pixels.
        model: A loaded model, or the name of one.

    Returns:
        Up to three (H, W) bool masks from the largest to the smallest, and how stable each is, in [0, 1]. Without a
        choice the most stable one is taken.

    Raises:
        PromptError: The click lies outside of the picture.

    Examples:
        >>> from vos import open_source, point_candidates
        >>> with open_source("clip.mp4") as source:
        ...     found = point_candidates(next(iter(source)).rgb, 240, 240)
        >>> 1 <= len(found) <= 3
        True
    """
    loaded = load_model(model) if isinstance(model, str) else model
    height, width = rgb.shape[:2]
    frame = Frame(height, width, tuple(loaded.input_sizes(height, width)))
    (drawn,) = draw_rounds([Points([(x, y)])], width, height)
    encoded: dict[View, Any] = {}

    def features_of(view: View) -> Any:
        if view not in encoded:
            encoded[view] = loaded.encode_images([view.crop(rgb)])[0]
        return encoded[view]

    found, _ = candidates_of(loaded, features_of, drawn, frame)
    return [(soft_mask(own.seen.view, logit(own.seen.mask), (height, width)) >= 0.5, own.score) for own in found]
