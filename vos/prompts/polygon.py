"""A polygon around the object, with holes when it has several rings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self, Unpack

import numpy as np
from numpy.typing import ArrayLike

from vos.errors import PromptError
from vos.prompts.base import CommonFields, Prompt, VisualPrompt, check_inside, frozen_points, set_field
from vos.prompts.raster import fill_rings


@dataclass(frozen=True, slots=True, eq=False)
class Polygon(VisualPrompt):
    """Closed rings under the even-odd rule: a ring inside another is a hole.

    Attributes:
        rings: One or more rings, each (N, 2) float64 x, y in pixels, N >= 3; the last point joins the first.

    Examples:
        >>> Polygon([[[120, 80], [360, 80], [240, 400]]]).rings[0].shape
        (3, 2)
    """

    kind: ClassVar[str] = "polygon"

    rings: tuple[np.ndarray, ...]

    if TYPE_CHECKING:
        # What may be given is more than what is kept: lists of numbers too.
        def __init__(self, rings: Iterable[ArrayLike], **common: Unpack[CommonFields]) -> None: ...

    def __post_init__(self) -> None:
        Prompt.__post_init__(self)
        rings = tuple(frozen_points(ring, self.where) for ring in self.rings)
        set_field(self, "rings", rings)
        if not rings:
            raise PromptError(f"{self.where} is empty: it has no ring")
        if any(len(ring) < 3 for ring in rings):
            raise PromptError(f"{self.where}: a ring needs at least 3 points")

    def check(self, width: int, height: int) -> None:
        Prompt.check(self, width, height)
        for ring in self.rings:
            check_inside(ring, width, height, self.where, edge=True)
        VisualPrompt.check(self, width, height)

    def rasterise(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool: the pixels whose centre is inside. Agrees with `Box` on whole numbers."""
        Prompt.check(self, width, height)
        return fill_rings(self.rings, width, height, self.where)

    def _scaled(self, width: int, height: int, scale_x: float, scale_y: float) -> Self:
        limit = (float(width), float(height))
        rings = tuple(np.minimum(ring * (scale_x, scale_y), limit) for ring in self.rings)
        return replace(self, rings=rings, size=(width, height))
