"""Clicked points: on the object (positive) and beside it (negative)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np
from numpy.typing import ArrayLike

from vos.errors import PromptError
from vos.prompts.base import CommonFields, Prompt, VisualPrompt, check_inside, frozen_points, set_field

# A click marks a disc, so that a model that samples pixels finds enough of them. The compact model was trained with
# discs of this size: 6 pixels of radius at 480 lines.
_RADIUS_OF_SHORT_SIDE = 0.012
_MIN_RADIUS = 2.0

MOST_CANDIDATES = 3


def _no_points() -> np.ndarray:
    return np.zeros((0, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Points(VisualPrompt):
    """Clicks on one frame.

    Attributes:
        positive: (N, 2) float64 x, y in pixels: on the object. N may be 0 alongside another prompt of the object on the
            frame, a stroke or a box, or where the object is known from tracking.
        negative: (M, 2) float64 x, y in pixels: not on the object. M may be 0, N + M may not.
        order: N + M signs, True for positive: in which order the clicks were made. Each corrects what the ones before
            it gave. Left out: first the positive ones, then the negative ones.
        candidate: Which reading of the first click is meant, 1 to 3 from the largest to the smallest, as in
            `vos.point_candidates` (the smallest, if there are not as many); 0 leaves it to the model.

    Examples:
        >>> points = Points([[200, 240], [220, 300]], [[40, 40]])
        >>> points.positive.shape, points.negative.shape
        ((2, 2), (1, 2))
    """

    kind: ClassVar[str] = "points"

    positive: np.ndarray
    negative: np.ndarray = field(default_factory=_no_points)
    order: tuple[bool, ...] = ()
    candidate: int = 0

    if TYPE_CHECKING:
        # What may be given is more than what is kept: lists of numbers too.
        def __init__(
            self,
            positive: ArrayLike,
            negative: ArrayLike = ...,
            order: tuple[bool, ...] = ...,
            candidate: int = ...,
            **common: Unpack[CommonFields],
        ) -> None: ...

    def __post_init__(self) -> None:
        Prompt.__post_init__(self)
        set_field(self, "positive", frozen_points(self.positive, self.where))
        set_field(self, "negative", frozen_points(self.negative, self.where))
        if len(self.positive) + len(self.negative) == 0:
            raise PromptError(f"{self.where} are empty: no point is given")
        signs = (True,) * len(self.positive) + (False,) * len(self.negative)
        order = tuple(bool(sign) for sign in self.order) or signs
        if sorted(order) != sorted(signs):
            raise PromptError(
                f"{self.where}: the order has {sum(order)} positive and {len(order) - sum(order)} negative clicks, "
                f"but {len(self.positive)} and {len(self.negative)} are given"
            )
        set_field(self, "order", order)
        if isinstance(self.candidate, bool) or self.candidate not in range(MOST_CANDIDATES + 1):
            raise PromptError(f"{self.where}: candidate {self.candidate!r} is not one of 1 to {MOST_CANDIDATES}, or 0")

    @property
    def clicks(self) -> tuple[tuple[float, float, bool], ...]:
        """All clicks in their order: x, y, and whether it is positive."""
        on, off = iter(self.positive.tolist()), iter(self.negative.tolist())
        return tuple((*next(on if sign else off), sign) for sign in self.order)

    def with_clicks(self, clicks: Sequence[tuple[float, float, bool]]) -> Self:
        """The same with other clicks, in their order."""
        on, off = (np.array([(x, y) for x, y, sign in clicks if sign is wanted]) for wanted in (True, False))
        return replace(self, positive=on, negative=off, order=tuple(sign for _, _, sign in clicks))

    def check(self, width: int, height: int) -> None:
        Prompt.check(self, width, height)
        check_inside(self.positive, width, height, self.where, edge=False)
        check_inside(self.negative, width, height, self.where, edge=False)

    def rasterise(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool: a disc around each positive point, of 1.2 % of the short side as radius, at least 2."""
        self.check(width, height)
        return _discs(self.positive, width, height)

    def rasterise_negative(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool: the discs of the negative points; all False when there are none."""
        self.check(width, height)
        return _discs(self.negative, width, height)

    def _scaled(self, width: int, height: int, scale_x: float, scale_y: float) -> Self:
        scale: Any = (scale_x, scale_y)
        return replace(self, positive=self.positive * scale, negative=self.negative * scale, size=(width, height))


def point_radius(width: int, height: int) -> float:
    """Radius in pixels of the disc that a click marks on a picture of this size."""
    return max(_MIN_RADIUS, min(width, height) * _RADIUS_OF_SHORT_SIDE)


def _discs(points: np.ndarray, width: int, height: int) -> np.ndarray:
    radius = point_radius(width, height)
    marked = np.zeros((height, width), dtype=bool)
    reach = int(np.ceil(radius))
    for x, y in points:
        column, row = int(x), int(y)
        x0, x1 = max(0, column - reach), min(width, column + reach + 1)
        y0, y1 = max(0, row - reach), min(height, row + reach + 1)
        dx = np.arange(x0, x1) + 0.5 - x
        dy = np.arange(y0, y1) + 0.5 - y
        # The pixel under the point is at most sqrt(0.5) away from its centre: the radius always reaches it.
        marked[y0:y1, x0:x1] |= dy[:, None] ** 2 + dx[None, :] ** 2 <= radius**2
    return marked
