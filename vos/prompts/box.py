"""A box around the object."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vos.errors import PromptError
from vos.prompts.base import Prompt, VisualPrompt, check_inside, set_field


@dataclass(frozen=True, slots=True, eq=False)
class Box(VisualPrompt):
    """Axis-aligned box in pixels, x0 < x1 and y0 < y1. Whole numbers cover columns x0..x1-1, rows y0..y1-1.

    Examples:
        >>> box = Box(120, 80, 360, 400, object_id=2, frame=4)
        >>> box.where
        'box of object 2'
    """

    kind: ClassVar[str] = "box"

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        Prompt.__post_init__(self)
        for name in ("x0", "y0", "x1", "y1"):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise PromptError(f"{self.where}: {name} is {value}, not a number of pixels")
            set_field(self, name, float(value))
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise PromptError(
                f"{self.where} is empty: ({self.x0:g}, {self.y0:g}, {self.x1:g}, {self.y1:g}) needs x0 < x1 and y0 < y1"
            )

    def leaves(self, width: int, height: int) -> bool:
        """Whether a part of the box lies outside a picture of `width` x `height`; then it is clipped."""
        return self.x0 < 0 or self.y0 < 0 or self.x1 > width or self.y1 > height

    def check(self, width: int, height: int) -> None:
        """Raises PromptError unless the box overlaps the picture, which it may leave."""
        Prompt.check(self, width, height)
        corners = np.array([[self.x0, self.y0], [self.x1, self.y1]])
        if self.x1 <= 0 or self.y1 <= 0 or self.x0 >= width or self.y0 >= height:
            check_inside(corners, width, height, self.where, edge=True)

    def rasterise(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool: every pixel of the picture that the box touches."""
        self.check(width, height)
        marked = np.zeros((height, width), dtype=bool)
        x0, y0 = max(0, math.floor(self.x0)), max(0, math.floor(self.y0))
        marked[y0 : math.ceil(self.y1), x0 : math.ceil(self.x1)] = True
        return marked

    def _scaled(self, width: int, height: int, scale_x: float, scale_y: float) -> Self:
        # Rounding may push a corner that was on the border past it by the last bit.
        x0, x1 = (min(x * scale_x, float(width)) for x in (self.x0, self.x1))
        y0, y1 = (min(y * scale_y, float(height)) for y in (self.y0, self.y1))
        return replace(self, x0=x0, y0=y0, x1=x1, y1=y1, size=(width, height))
