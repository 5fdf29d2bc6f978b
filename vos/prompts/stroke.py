"""A stroke prompt: a scribble over part of the object, as lines or as painted pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import cv2
import numpy as np

from vos.errors import PromptError
from vos.prompts.base import Prompt, VisualPrompt, check_inside, frozen_bool, frozen_points, set_field
from vos.prompts.mask import resized_raster, size_of_raster

DEFAULT_STROKE_WIDTH = 5.0
MAX_STROKE_WIDTH = 4096.0
# OpenCV draws lines at fixed-point coordinates: 4 fractional bits are a sixteenth of a pixel.
_FRACTION_BITS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Stroke(VisualPrompt):
    """Pixels that belong to the object without covering it all. Either `lines` or `raster` is given.

    Attributes:
        lines: Polylines, each (N, 2) float64 x, y in pixels, N >= 1. One point is a dot.
        width: Width of the brush in pixels of the picture the lines belong to. Ignored with `raster`.
        raster: (H, W) bool of painted pixels; then `size` is (W, H) of this array.
    """

    kind: ClassVar[str] = "stroke"

    lines: tuple[np.ndarray, ...] = ()
    width: float = DEFAULT_STROKE_WIDTH
    raster: np.ndarray | None = None

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
    def painted(cls, raster: Any, **common: Any) -> Self:
        """A stroke of painted pixels: (H, W) bool. `common`: object_id, frame, size, source."""
        return cls((), raster=raster, **common)

    def check(self, width: int, height: int) -> None:
        VisualPrompt.check(self, width, height)
        for line in self.lines:
            check_inside(line, width, height, self.where, edge=True)

    def rasterise(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool: the lines drawn with round ends, without smoothing, or the painted pixels."""
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
    """Draws polylines of (N, 2) pixel coordinates into an (H, W) uint8 or uint16 canvas, in place."""
    thickness = max(1, round(width))
    for line in lines:
        # OpenCV puts the centre of a pixel at whole numbers, a prompt at halves.
        fixed = np.rint((line - 0.5) * (1 << _FRACTION_BITS)).astype(np.int32).reshape(-1, 1, 2)
        if len(fixed) == 1:
            # A line from a point to itself: a round dot of the brush's width.
            fixed = np.repeat(fixed, 2, axis=0)
        cv2.polylines(canvas, [fixed], False, value, thickness, cv2.LINE_8, _FRACTION_BITS)
