"""One tracked object, and the state of a whole tracker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seem_model.video_model import Reference
from vos.tracking.memory_bank import MemoryEntry
from vos.tracking.view import View
from vos.tracking.windows import Window


@dataclass(frozen=True, slots=True, eq=False)
class SeenMask:
    """A mask where it was found: (h, w) float32 in [0, 1] on the grid of a view."""

    view: View
    mask: np.ndarray

    @property
    def area(self) -> float:
        """Source pixels that it covers."""
        share = float(np.mean(self.mask >= 0.5))
        covered: float = share * self.view.width * self.view.height
        return covered

    def on(self, view: View, size: tuple[int, int]) -> np.ndarray:
        """(h, w): the same on the grid of another view."""
        moved: np.ndarray = self.view.transfer(self.mask[None], view, size)[0]
        return moved


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What a tracker knows of one object between two frames.

    Attributes:
        object_id: Its id.
        reference: Its referring visual prompt.
        window: Where it is expected next, by the last frame.
        ahead: Where to look for it next: decided a frame earlier where that is near enough, so that a view can be
            encoded while the frame before it is decoded.
        last: Its mask in the last frame, after objects have competed for pixels.
        remembered: Its mask in the last view of it that went into memory.
        remembered_index: The number of that frame.
        missing: For how many frames in a row it was not seen.
        last_seen: The window in which it was last seen.
        area: Its usual size in source pixels: its largest, forgotten by a twentieth a frame.
    """

    object_id: int
    reference: Reference
    window: Window
    ahead: Window
    last: SeenMask
    remembered: SeenMask
    remembered_index: int
    missing: int
    last_seen: Window
    area: float


@dataclass(frozen=True, slots=True, eq=False)
class TrackerState:
    """Everything a tracker knows between two frames; arrays are shared with the tracker and never changed in place.

    Attributes:
        next_index: Number of the frame to come.
        size: Height and width of the frames; None before the first.
        targets: The objects, by ascending id.
        entries: The memory bank.
        together: Objects that shared a view in the last frame.
        signature: Colours of the last frame, to notice shot cuts; None before the first.
    """

    next_index: int
    size: tuple[int, int] | None
    targets: tuple[Target, ...]
    entries: tuple[MemoryEntry, ...]
    together: tuple[tuple[int, ...], ...]
    signature: np.ndarray | None

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects."""
        return tuple(target.object_id for target in self.targets)
