"""Clean masks: islands, specks, pinholes, and borders that are moved by whole pixels.

The rule looks at the label map of one frame and at nothing else, so it gives the same while a video is tracked and
afterwards. What a user has drawn as a mask is not cleaned.

Sizes go with the picture. An island is small in itself *and* against the largest part of its object *and* apart from
it: what a chain of short gaps leads to may be the string of a kite, which breaks into dots where it is thinner than the
grid of the network.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

CleanLevel = Literal["off", "light", "strong"]
CLEAN_LEVELS: tuple[CleanLevel, ...] = ("off", "light", "strong")
MAX_GROWTH = 64
MAX_STEADY = 3

# Of the largest part of an object: what is at least as large is a part of its own.
_PART_SHARE = 0.01
# Lengths as shares of the shorter side of the picture; in brackets at 480 lines.
_PART_SIDE = 1 / 62  # a part of its own covers at least a square of this side (60 pixels)
_GAP = 1 / 20  # the longest gap in a chain of dots (24 pixels)
_SPECK_SIDE = 1 / 240  # a speck covers at most a square of this side (4 pixels)
_PINHOLE_SIDE = 1 / 48  # a pinhole likewise (100 pixels)
_PINHOLE_DEPTH = 1 / 60  # and lies at least this deep in the object (8 pixels)


@dataclass(frozen=True, slots=True)
class CleanPolicy:
    """How masks are cleaned.

    Attributes:
        level: `off`; `light` removes islands that lie apart from their object; `strong` also removes specks, ties
            broken strings together and fills pinholes.
        min_area: Parts of an object with fewer pixels go, whatever they are; 0 for none.
        grow: Pixels by which borders move outward, inward if negative; at most 64. No object grows into another.
        steady: Frames before and after that every frame is compared with, at most 3: pixels that flicker go with the
            majority (`vos.tracking.steady`). 0 for none.
    """

    level: CleanLevel = "light"
    min_area: int = 0
    grow: int = 0
    steady: int = 0


def clean_labels(labels: np.ndarray, policy: CleanPolicy, *, exact: Collection[int] = ()) -> np.ndarray:
    """The label map of a frame after cleaning; `steady`, which needs other frames, is not done here.

    Args:
        labels: (H, W) uint16, 0 is background.
        policy: How.
        exact: Objects whose masks the user drew: they are not cleaned, but grow with the others.

    Returns:
        (H, W) uint16, a new array where something changed.

    Examples:
        >>> labels = np.zeros((240, 320), np.uint16)
        >>> labels[10:30, 10:30] = 3
        >>> labels[200, 300] = 3
        >>> cleaned = clean_labels(labels, CleanPolicy("light"))
        >>> int(labels.astype(bool).sum()), int(cleaned.astype(bool).sum())
        (401, 400)
    """
    if policy.level != "off" or policy.min_area > 1:
        short_side = min(labels.shape)
        for object_id in _ids_in(labels):
            if object_id not in exact:
                labels = _clean_object(labels, object_id, policy, short_side)
    return grow_labels(labels, policy.grow) if policy.grow else labels


def grow_labels(labels: np.ndarray, pixels: int) -> np.ndarray:
    """Moves all borders outward into the background by `pixels`, or inward if negative.

    Where two objects grow towards each other the nearer one gets the pixel. The edge of the picture is not a border.
    """
    if pixels > 0:
        distance, cells = cv2.distanceTransformWithLabels(
            (labels == 0).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        owner = np.zeros(int(cells.max()) + 1, labels.dtype)
        own = labels > 0
        owner[cells[own]] = labels[own]
        return np.where(distance <= pixels, owner[cells], 0).astype(labels.dtype)
    grown = labels.copy()
    for object_id in _ids_in(labels):
        mask = (labels == object_id).view(np.uint8)
        grown[(mask > 0) & (cv2.distanceTransform(mask, cv2.DIST_L2, 5) <= -pixels)] = 0
    return grown


def _ids_in(labels: np.ndarray) -> list[int]:
    """Ids that have pixels, ascending."""
    # Not `np.unique`: that sorts all pixels.
    return [object_id for object_id in np.flatnonzero(np.bincount(labels.ravel())).tolist() if object_id]


def _clean_object(labels: np.ndarray, object_id: int, policy: CleanPolicy, short_side: int) -> np.ndarray:
    mask = labels == object_id
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    box = np.s_[y : y + height, x : x + width]
    before = np.ascontiguousarray(mask[box])
    after = _without_small_parts(before, policy.min_area) if policy.min_area > 1 else before
    if policy.level == "strong":
        after = _without_specks(after, short_side)
        after = _tie(after, round(_GAP * short_side))
    if policy.level != "off":
        after = _without_islands(after, short_side)
    if policy.level == "strong":
        after = _without_pinholes(after, short_side)
    if after is before or np.array_equal(after, before):
        return labels
    labels = labels.copy()
    view = labels[box]
    view[before & ~after] = 0
    # What is filled or tied takes nothing away from other objects.
    view[after & (view == 0)] = object_id
    return labels


class _Parts:
    """Connected parts of an (h, w) bool mask; part 0 is what is outside of it."""

    def __init__(self, mask: np.ndarray, connectivity: int = 8) -> None:
        self.count, self.numbers, statistics, _ = cv2.connectedComponentsWithStats(
            mask.view(np.uint8), connectivity=connectivity
        )
        self.areas: np.ndarray = statistics[:, cv2.CC_STAT_AREA].copy()
        self.areas[0] = 0

    def where(self, chosen: np.ndarray) -> np.ndarray:
        """(h, w) bool: the parts with a flag."""
        chosen = chosen.copy()
        chosen[0] = False
        pixels: np.ndarray = chosen[self.numbers]
        return pixels


def _without_small_parts(mask: np.ndarray, least: int) -> np.ndarray:
    parts = _Parts(mask)
    return parts.where(parts.areas >= least)


def _large(parts: _Parts, short_side: int) -> np.ndarray:
    """Flags of the parts that are no islands, wherever they lie."""
    flags: np.ndarray = (parts.areas >= _PART_SHARE * parts.areas.max()) | (
        parts.areas >= (_PART_SIDE * short_side) ** 2
    )
    flags[0] = False
    return flags


def _without_islands(mask: np.ndarray, short_side: int) -> np.ndarray:
    """Parts stay that are large, or that gaps of at most `_GAP` join to a large one."""
    parts = _Parts(mask)
    large = _large(parts, short_side)
    if large.sum() >= parts.count - 1:
        return mask
    reach = np.float32(_GAP * short_side / 2)
    near = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5) <= reach
    groups = _Parts(near)
    held = np.zeros(groups.count, bool)
    held[groups.numbers[large[parts.numbers]]] = True
    kept: np.ndarray = mask & groups.where(held)
    return kept


def _without_specks(mask: np.ndarray, short_side: int) -> np.ndarray:
    parts = _Parts(mask)
    is_speck = (parts.areas <= (_SPECK_SIDE * short_side) ** 2) & (parts.areas < _PART_SHARE * parts.areas.max())
    return parts.where(~is_speck)


def _without_pinholes(mask: np.ndarray, short_side: int) -> np.ndarray:
    """Fills small holes, but not those near a border: between a handle and its cup one can see through."""
    holes = _Parts(~np.pad(mask, 1), connectivity=4)
    outside = holes.numbers[0, 0]
    small = holes.areas <= (_PINHOLE_SIDE * short_side) ** 2
    small[outside] = False
    candidates = holes.where(small)
    if not candidates.any():
        return mask
    open_ground = ~np.pad(mask, 1) & ~candidates
    near = cv2.distanceTransform((~open_ground).view(np.uint8), cv2.DIST_L2, 5) < _PINHOLE_DEPTH * short_side
    small[np.unique(holes.numbers[candidates & near])] = False
    filled: np.ndarray = mask | holes.where(small)[1:-1, 1:-1]
    return filled


def _tie(mask: np.ndarray, gap: int) -> np.ndarray:
    """Joins parts by lines along the shortest gaps, like a minimal spanning tree; gaps above `gap` stay."""
    parts = _Parts(mask)
    if parts.count < 3:
        return mask
    distance, cells = cv2.distanceTransformWithLabels(
        (~mask).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # For every pixel the nearest one of the mask, and the part that this belongs to.
    places = np.argwhere(mask)
    place_of = np.zeros((int(cells.max()) + 1, 2), np.int32)
    place_of[cells[mask]] = places
    nearest = place_of[cells]
    part = parts.numbers[nearest[..., 0], nearest[..., 1]]
    found = []
    for here, there in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[:-1, 1:], np.s_[1:, :-1]),
    ):
        meet = (part[here] != part[there]) & (distance[here] + distance[there] <= gap + 1)
        found.append(np.hstack([nearest[here][meet], nearest[there][meet]]))
    ends = np.concatenate(found)
    squared = ((ends[:, :2] - ends[:, 2:]) ** 2).sum(1)
    close = squared <= gap**2
    ends, squared = ends[close], squared[close]
    order = np.lexsort((*ends.T, squared))
    tied = mask.astype(np.uint8)
    group = list(range(parts.count))

    def root(number: int) -> int:
        while group[number] != number:
            group[number] = group[group[number]]
            number = group[number]
        return number

    for top, left, bottom, right in ends[order].tolist():
        one, other = root(int(parts.numbers[top, left])), root(int(parts.numbers[bottom, right]))
        if one != other:
            group[one] = other
            cv2.line(tied, (left, top), (right, bottom), 1)
    return tied > 0
