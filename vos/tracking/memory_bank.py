"""Memory prompts: which frames of a video are remembered, for which objects, and for how long.

The annotated frame of an object is pinned for ever (it is the one mask that is certainly right); beside it the newest
few frames are kept, first in first out. A frame is remembered for an object only if the object was seen there and
the mask agrees with correspondence, so that a bad frame is not remembered (DESIGN: gate on presence and agreement).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from seem_model.compact.memory import FrameMemory
    from seem_model.compact.video import FrameDecode


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """When to remember a frame.

    Attributes:
        recent_frames: How many frames are kept beside the pinned ones.
        interval: Remember a frame when the last remembered one is this many frames ago. Remembering each frame makes
            small errors feed on themselves: drift.
        min_overlap: Remember earlier when an object has moved or changed so much that its mask overlaps the last
            remembered one by less than this soft IoU: what is fast must be followed closely.
        min_presence: An object must be present with at least this probability.
        min_agreement: Its mask must overlap what correspondence says by at least this soft IoU.
    """

    recent_frames: int = 1
    interval: int = 8
    min_overlap: float = 0.6
    min_presence: float = 0.5
    min_agreement: float = 0.3


class MemoryPrompts:
    """The bank of one video. Its size is bounded: pinned frames plus `recent_frames`."""

    def __init__(self, policy: MemoryPolicy) -> None:
        self.policy = policy
        self._pinned: list[FrameMemory] = []
        self._recent: deque[FrameMemory] = deque(maxlen=policy.recent_frames)

    def __len__(self) -> int:
        return len(self._pinned) + len(self._recent)

    @property
    def frames(self) -> list[FrameMemory]:
        """Pinned frames first, then the recent ones, oldest to newest."""
        return [*self._pinned, *self._recent]

    def pin(self, frame: FrameMemory) -> None:
        """Keeps an annotated frame for ever."""
        self._pinned.append(frame)

    def add(self, frame: FrameMemory) -> None:
        """Keeps a tracked frame; the oldest recent one goes."""
        self._recent.append(frame)

    def reindex(self, slots: Sequence[int | None]) -> None:
        """Follows a change of the object list: entry i of the new list was `slots[i]`, or is new (None)."""
        self._pinned = [frame.select(slots) for frame in self._pinned]
        # A pinned frame that no remaining object was annotated in has nothing left to say.
        self._pinned = [frame for frame in self._pinned if bool(frame.valid.any())]
        self._recent = deque((frame.select(slots) for frame in self._recent), maxlen=self.policy.recent_frames)

    def is_due(self, index: int, masks: Tensor, last_index: int, last_masks: Tensor) -> bool:
        """Whether frame `index` with masks (N, h, w) should be remembered after `last_index` with `last_masks`."""
        if index - last_index >= self.policy.interval:
            return True
        overlap = soft_iou(masks, last_masks)
        painted = masks.flatten(1).sum(1) > 0.5
        return bool((painted & (overlap < self.policy.min_overlap)).any())

    def trusted(self, decoded: FrameDecode) -> Tensor:
        """(N,) bool: which objects of a frame are good enough to be remembered."""
        return (decoded.presence >= self.policy.min_presence) & (decoded.agreement >= self.policy.min_agreement)

    def replace(self, pinned: Sequence[FrameMemory], recent: Sequence[FrameMemory]) -> None:
        """Puts back a saved content."""
        self._pinned = list(pinned)
        self._recent = deque(recent, maxlen=self.policy.recent_frames)


def soft_iou(a: Tensor, b: Tensor) -> Tensor:
    """(N,) overlap in [0, 1] of two (N, h, w) stacks of mask probabilities: sum of minima over sum of maxima."""
    a, b = a.flatten(1), b.flatten(1)
    return a.minimum(b).sum(1) / a.maximum(b).sum(1).clamp(min=1e-3)
