"""A user who looks at a mask beside the truth and clicks where it is most wrong, by fixed rules.

The rule is that of interactive segmentation papers (RITM, Sofiiuk et al. 2021, section 4; SAM 2, section 6.1): the
click is in the middle of the largest connected region of wrong pixels, the pixel farthest from its border, and says
what that region should be.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.datasets.simulated_user import deepest_point
from vos.prompts import Points

# Changes this near to the clicked error do not count as collateral: the border between right and wrong moves with it.
ERROR_MARGIN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Click:
    """One click.

    Attributes:
        x, y: Centre of the clicked pixel, in pixels.
        is_positive: On the object, where it is missing; otherwise outside it, where it is too much.
        region: (H, W) bool, the wrong pixels that the click is about.
    """

    x: float
    y: float
    is_positive: bool
    region: np.ndarray

    @property
    def area(self) -> int:
        """Pixels of the region."""
        return int(self.region.sum())

    def prompt(self, object_id: int) -> Points:
        """The click as a prompt of its own."""
        here = [[self.x, self.y]]
        return Points(here if self.is_positive else [], [] if self.is_positive else here, object_id=object_id)


def next_click(predicted: np.ndarray, truth: np.ndarray, void: np.ndarray | None = None) -> Click | None:
    """Where the user clicks next; None if nothing is wrong.

    Of two regions of one size the missing one comes first, then the first in reading order.

    Args:
        predicted, truth: (H, W) bool.
        void: (H, W) bool of pixels that count neither way.
    """
    known = np.ones(truth.shape, bool) if void is None else ~void
    missing = _largest_region(truth & ~predicted & known)
    surplus = _largest_region(predicted & ~truth & known)
    if missing is None and surplus is None:
        return None
    sizes = [0 if region is None else int(region.sum()) for region in (missing, surplus)]
    is_positive = sizes[0] >= sizes[1]
    region = missing if is_positive else surplus
    assert region is not None
    x, y = deepest_point(region)
    return Click(x, y, is_positive, region)


def jaccard(predicted: np.ndarray, truth: np.ndarray, void: np.ndarray | None = None) -> float:
    """Intersection over union of two (H, W) bool masks outside `void`; 1 if both are empty."""
    known = np.ones(truth.shape, bool) if void is None else ~void
    union = int(((predicted | truth) & known).sum())
    return int((predicted & truth & known).sum()) / union if union else 1.0


def outside_of(region: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels more than `ERROR_MARGIN` rows or columns away from a region."""
    size = 2 * ERROR_MARGIN + 1
    grown = cv2.dilate(region.astype(np.uint8), np.ones((size, size), np.uint8))
    outside: np.ndarray = grown == 0
    return outside


def _largest_region(wrong: np.ndarray) -> np.ndarray | None:
    """(H, W) bool: the largest 8-connected region; None if there is none."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    region: np.ndarray = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return region
