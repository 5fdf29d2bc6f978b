"""Where to look: a window that follows an object, so that it always has about the same size for the network.

An object that comes nearer or goes away keeps its size, a small one gets more cells, look-alikes far away are out of
sight. A lost object is looked for in ever larger windows until all of the frame is in view, and then, if it was small,
in zoomed tiles of it by turns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vos.tracking.view import View


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """How windows follow objects. docs/windows.md has the measurements behind the numbers.

    Attributes:
        follow: Whether to look through windows at all; otherwise every view is the whole frame.
        context: Room around the object's box, on both sides together, in units of the box's longer side.
        max_magnification: Input pixels per source pixel, at most: more only blurs.
        widen_rate, narrow_rate: Factors by which a window may grow and shrink from one frame to the next.
        reshape_gain: Factor by which another shape of window must enlarge the object before it is taken.
        search_rate: Factor by which the window of a lost object grows from one frame to the next.
        max_views: Views per frame, at most, before objects have to share one.
        share_limit: Objects share a view if none of them gets smaller by more than this factor through it.
    """

    follow: bool = True
    context: float = 0.4
    max_magnification: float = 2.1
    widen_rate: float = 1.1
    narrow_rate: float = 1.02
    reshape_gain: float = 1e9
    search_rate: float = 1.3
    max_views: int = 2
    share_limit: float = 1.4


# Policies by who shares a view: near objects, in two views at most; all; nobody.
SHARING: dict[Literal["auto", "always", "never"], WindowPolicy] = {
    "auto": WindowPolicy(),
    "always": WindowPolicy(max_views=1),
    "never": WindowPolicy(max_views=65535, share_limit=0.0),
}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in source pixels with fractions: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Window:
    """Where an object is looked for, before it is known who shares a view.

    Attributes:
        x, y: Its centre in source pixels.
        zoom: Source pixels per input pixel, along both sides; larger is wider.
        rows, columns: Size of the network's input.
    """

    x: float
    y: float
    zoom: float
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Sizes that windows are made for.

    Attributes:
        height, width: Of the source.
        sizes: Sizes (rows, columns) of the network's input to choose from; the first is that for the whole frame.
    """

    height: int
    width: int
    sizes: tuple[tuple[int, int], ...]

    def zoom_for(self, height: float, width: float, size: tuple[int, int]) -> float:
        """Source pixels per input pixel at which a rectangle fits an input; a side is never longer than the frame."""
        return max(min(height, self.height) / size[0], min(width, self.width) / size[1])

    @property
    def everything(self) -> Window:
        """The window around all of the frame."""
        size = self.sizes[0]
        zoom = self.zoom_for(self.height, self.width, size)
        return Window(self.width / 2, self.height / 2, zoom, *size)

    def view(self, window: Window) -> View:
        """The window as a view: whole pixels, inside the frame. Where it is larger than the frame it is squeezed."""
        height = min(self.height, max(1, round(window.zoom * window.rows)))
        width = min(self.width, max(1, round(window.zoom * window.columns)))
        x = min(max(round(window.x - width / 2), 0), self.width - width)
        y = min(max(round(window.y - height / 2), 0), self.height - height)
        return View(x, y, width, height, columns=window.columns, rows=window.rows)


def around(
    box: Box,
    frame: Frame,
    policy: WindowPolicy,
    *,
    context: float | None = None,
    shape: tuple[int, int] | None = None,
) -> Window:
    """The window around a box, with room around it.

    Args:
        box: What it is around.
        frame: Sizes.
        policy: How much room.
        context: Another room than the policy's.
        shape: The input size of the object's window so far, which changes only if that gains enough.
    """
    if not policy.follow:
        return frame.everything
    width, height = box.right - box.left, box.bottom - box.top
    room = (policy.context if context is None else context) * max(width, height)
    zooms = {size: frame.zoom_for(height + room, width + room, size) for size in frame.sizes}
    best = min(frame.sizes, key=lambda size: zooms[size])
    if shape is not None and zooms[shape] <= zooms[best] * policy.reshape_gain:
        best = shape
    zoom = max(zooms[best], 1 / policy.max_magnification)
    return Window((box.left + box.right) / 2, (box.top + box.bottom) / 2, zoom, *best)


def follow(previous: Window, box: Box, frame: Frame, policy: WindowPolicy) -> Window:
    """The next window of an object that was seen in `box`; it zooms slowly."""
    wanted = around(box, frame, policy, shape=(previous.rows, previous.columns))
    zoom = min(max(wanted.zoom, previous.zoom / policy.narrow_rate), previous.zoom * policy.widen_rate)
    return replace(wanted, zoom=zoom)


# Share of a window's shorter side by which an object may move within a frame for its window to be chosen a frame ahead.
_STEADY = 0.08


def is_near(earlier: Window, window: Window) -> bool:
    """Whether an object that is expected in `window` may be looked for in the window of a frame earlier."""
    most = _STEADY * window.zoom * min(window.rows, window.columns)
    return max(abs(earlier.x - window.x), abs(earlier.y - window.y)) <= most


# An object that was seen this many times larger than the whole frame shows it is looked for in tiles too. What a tile
# shows nobody has seen at that size before, so look-alikes pass there more easily: not without need.
_SMALL = 3.0


def search(last_seen: Window, missing: int, frame: Frame, policy: WindowPolicy) -> Window:
    """The next window of an object that was not seen: ever larger, then the whole frame, then tiles by turns.

    Args:
        last_seen: The window in which the object was seen last.
        missing: Frames in a row without it, at least 1.
        frame: Sizes.
        policy: How fast windows grow.
    """
    whole = frame.everything
    if not policy.follow or last_seen.zoom >= whole.zoom:
        return whole
    opening = math.ceil(math.log(whole.zoom / last_seen.zoom) / math.log(policy.search_rate))
    if missing < opening:
        return replace(whole, x=last_seen.x, y=last_seen.y, zoom=last_seen.zoom * policy.search_rate**missing)
    turn = missing - opening
    if _SMALL * last_seen.zoom <= whole.zoom and turn % 2:
        # 3x3 tiles of half the frame's size, each overlapping its neighbours by half.
        column, row = turn // 2 % 3, turn // 6 % 3
        x, y = frame.width * (1 + column) / 4, frame.height * (1 + row) / 4
        return replace(whole, x=x, y=y, zoom=whole.zoom / 2)
    return whole


def box_of(mask: np.ndarray, view: View) -> Box | None:
    """The box around a mask on the grid of a view, without its outermost half percent; None if it is empty.

    Args:
        mask: (h, w) probabilities.
        view: Whose grid it is.
    """
    inside = mask >= 0.5
    total = int(np.count_nonzero(inside))
    if total == 0:
        return None
    height, width = mask.shape
    left, right = _extent(inside.sum(0), total)
    top, bottom = _extent(inside.sum(1), total)
    x, y = view.width / width, view.height / height
    return Box(view.x + left * x, view.y + top * y, view.x + right * x, view.y + bottom * y)


def box_of_pixels(mask: np.ndarray) -> Box:
    """As `box_of`, for an (H, W) bool mask of the source that is not empty."""
    height, width = mask.shape
    box = box_of(mask, View(0, 0, width, height, columns=width, rows=height))
    if box is None:
        raise ValueError("the mask is empty")
    return box


def joined(box: Box | None, other: Box) -> Box:
    """The box around two boxes."""
    if box is None:
        return other
    return Box(
        min(box.left, other.left),
        min(box.top, other.top),
        max(box.right, other.right),
        max(box.bottom, other.bottom),
    )


def _extent(counts: np.ndarray, total: int) -> tuple[int, int]:
    """First and one past the last bin, when half a percent of the mass is left out at either end."""
    below = np.cumsum(counts)
    first = int(np.searchsorted(below, 0.005 * total, side="right"))
    last = int(np.searchsorted(below, 0.995 * total, side="left"))
    return first, max(last, first) + 1
