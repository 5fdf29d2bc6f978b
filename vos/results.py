"""What the tracker gives for one frame; what every sink writes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vos.errors import PromptError


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """Masks of all objects in one frame, at the size and orientation in which the source displays the frame.

    Attributes:
        index: Frame number in display order, from 0.
        pts: Presentation time of the frame in units of `time_base`, as in the source.
        time_base: Seconds per unit of `pts`.
        labels: (H, W) uint16. 0 is background, any other value is an object id; every pixel has one owner.
        object_ids: Ids of the objects known at this frame, ascending, each in 1..65535. An object without
            a pixel in `labels` is absent from this frame, not forgotten.
        presence: Probability in [0, 1] that each object of `object_ids` is visible in this frame.
        soft_masks: (N, H, W) float32 probabilities in [0, 1], one per object of `object_ids`; objects may
            overlap. None unless they were asked for.
    """

    index: int
    pts: int
    time_base: Fraction
    labels: np.ndarray
    object_ids: tuple[int, ...]
    presence: tuple[float, ...]
    soft_masks: np.ndarray | None = None

    @property
    def time(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    def mask_of(self, object_id: int) -> np.ndarray:
        """(H, W) bool: the pixels that `labels` gives to one object; none where it is absent from this frame.

        Raises:
            PromptError: No such object is known at this frame.

        Examples:
            >>> result = FrameResult(0, 0, Fraction(1, 25), np.array([[0, 2], [2, 1]], np.uint16), (1, 2), (0.9, 0.8))
            >>> result.mask_of(2).tolist()
            [[False, True], [True, False]]
        """
        if object_id not in self.object_ids:
            known = ", ".join(map(str, self.object_ids)) or "none"
            raise PromptError(f"object {object_id} is not known at frame {self.index}; known objects: {known}")
        result: np.ndarray = self.labels == object_id
        return result
