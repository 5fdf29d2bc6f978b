"""A stroke prompt: a scribble over part of the object, as lines or as painted pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self, Unpack

import numpy as np
from numpy.typing import ArrayLike

from vos.errors import PromptError
from vos.prompts.base import CommonFields, Prompt, VisualPrompt, check_inside, frozen_bool, frozen_points, set_field
from vos.prompts.mask import resized_raster, size_of_raster
from vos.prompts.raster import clip_segments, near_segments

DEFAULT_STROKE_WIDTH = 5.0
MAX_STROKE_WIDTH = 4096.0
_PIECE_LENGTH = 64.0
# Segments, from which on all are drawn at once: a stroke of a hand has fewer, and keeps its pixels to the last bit.
_MANY = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class Stroke(VisualPrompt):
    """Pixels that belong to the object without covering it all. Either `lines` or `raster` is given.

    Attributes:
        lines: Polylines, each (N, 2) float64 x, y in pixels, N >= 1. One point is a dot.
        width: Width of the brush in pixels of the picture the lines belong to. Ignored with `raster`.
        raster: (H, W) bool of painted pixels; then `size` is (W, H) of this array.

    Examples:
        >>> Stroke([[[180, 240], [240, 260], [300, 240]]], width=8).lines[0].shape
        (3, 2)
    """

    kind: ClassVar[str] = "stroke"

    lines: tuple[np.ndarray, ...] = ()
    width: float = DEFAULT_STROKE_WIDTH
    raster: np.ndarray | None = None

    if TYPE_CHECKING:
        # What may be given is more than what is kept: lists of numbers too.
        def __init__(
            self,
            lines: Iterable[ArrayLike] = (),
            width: float = DEFAULT_STROKE_WIDTH,
            raster: ArrayLike | None = None,
            **common: Unpack[CommonFields],
        ) -> None: ...

    def __post_init__(self) -> None:
        Prompt.__post_init__(self)
        lines = tuple(frozen_points(line, self.where) for line in self.lines)
        set_field(self, "lines", lines)
        if bool(lines) == (self.raster is not None):
            raise PromptError(f"{self.where} needs lines or painted pixels, and not both")
        if any(len(line) == 0 for line in lines):
            raise PromptError(f"{self.where} is empty: a line has no point")
        if not (math.isfinite(self.width) and 0 < self.width <= MAX_STROKE_WIDTH):
            raise PromptError(f"{self.where}: width {self.width} is not in (0, {MAX_STROKE_WIDTH:g}]")
        set_field(self, "width", float(self.width))
        if self.raster is not None:
            raster = frozen_bool(self.raster, self.where)
            set_field(self, "raster", raster)
            set_field(self, "size", size_of_raster(raster, self.size, self.where))
            set_field(self, "width", DEFAULT_STROKE_WIDTH)
            if not raster.any():
                raise PromptError(f"{self.where} is empty: nothing is painted")

    @classmethod
    def painted(cls, raster: ArrayLike, **common: Unpack[CommonFields]) -> Self:
        """A stroke of painted pixels: (H, W) bool. `common`: object_id, frame, size, source."""
        return cls((), raster=raster, **common)

    def check(self, width: int, height: int) -> None:
        Prompt.check(self, width, height)
        for line in self.lines:
            check_inside(line, width, height, self.where, edge=True)
        VisualPrompt.check(self, width, height)

    def rasterise(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool: pixels with their centre within half a width of a line, or the painted ones."""
        Prompt.check(self, width, height)
        if self.raster is not None:
            return self.raster
        canvas = np.zeros((height, width), dtype=np.uint8)
        draw_lines(canvas, self.lines, self.width, 1)
        return canvas.astype(bool)

    def _scaled(self, width: int, height: int, scale_x: float, scale_y: float) -> Self:
        if self.raster is not None:
            return replace(self, raster=resized_raster(self.raster, width, height), size=None)
        lines = tuple(line * (scale_x, scale_y) for line in self.lines)
        return replace(self, lines=lines, width=self.width * math.sqrt(scale_x * scale_y), size=(width, height))


def draw_lines(canvas: np.ndarray, lines: tuple[np.ndarray, ...], width: float, value: int) -> None:
    """Sets the pixels whose centre is at most half a width away from a line, in place.

    A width below one pixel counts as one: then every line is connected and marks the pixels of its points.

    Args:
        canvas: (H, W) of any integer type.
        lines: Polylines, each (N, 2) x, y in pixels.
        width: Of the brush, in pixels.
        value: What the pixels are set to.
    """
    # A pixel exactly at half a width belongs to the line, whatever the last bit of the distance says.
    radius = max(1.0, width) / 2 + 1e-9
    if not lines:
        return
    starts = np.concatenate([line[:-1] if len(line) > 1 else line for line in lines])
    ends = np.concatenate([line[1:] if len(line) > 1 else line for line in lines])
    height, width_of_canvas = canvas.shape
    starts, ends = clip_segments(starts, ends, 2 * radius + 1, (height, width_of_canvas))
    if len(starts) > _MANY:
        canvas[near_segments(starts, ends, radius, (height, width_of_canvas), "the stroke")] = value
        return
    for start, end in zip(starts, ends, strict=True):
        _draw_segment(canvas, start, end, radius, value)


def _draw_segment(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float, value: int) -> None:
    # Piece by piece, because the box around a long slanted line is mostly empty.
    pieces = max(1, math.ceil(float(np.abs(end - start).max()) / _PIECE_LENGTH))
    corners = start + (end - start) * np.linspace(0.0, 1.0, pieces + 1)[:, None]
    height, width = canvas.shape
    for (xa, ya), (xb, yb) in zip(corners[:-1].tolist(), corners[1:].tolist(), strict=True):
        x0, x1 = max(0, math.floor(min(xa, xb) - radius)), min(width, math.ceil(max(xa, xb) + radius))
        y0, y1 = max(0, math.floor(min(ya, yb) - radius)), min(height, math.ceil(max(ya, yb) + radius))
        if x0 >= x1 or y0 >= y1:
            continue
        dx = np.arange(x0, x1) + 0.5 - xa
        dy = (np.arange(y0, y1) + 0.5 - ya)[:, None]
        length = math.hypot(xb - xa, yb - ya)
        # Unit direction; a dot has none, and then `along` is 0.
        ux, uy = ((xb - xa) / length, (yb - ya) / length) if length else (0.0, 0.0)
        along = np.clip(dx * ux + dy * uy, 0.0, length)
        near = (dx - along * ux) ** 2 + (dy - along * uy) ** 2 <= radius**2
        canvas[y0:y1, x0:x1][near] = value
