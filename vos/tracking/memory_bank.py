"""Memory prompts: which views are remembered, for which objects, and for how long.

An annotated view is pinned (it is the one mask that is certainly right); beside the pinned ones the newest few views
are kept, first in first out. A view is remembered for an object only if the object was seen there and the mask agrees
with correspondence, so that a bad one is not remembered. What is kept is bounded per object: the first annotated view
and the newest ones, which is what the current view most resembles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seem_model.video_model import FrameDecode, Memory
from vos.tracking.competition import soft_iou


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """When to remember a view.

    Attributes:
        recent_frames: How many are kept per object beside the pinned ones.
        interval: Remember an object's view when its last remembered one is this many frames ago. Remembering each
            frame makes small errors feed on themselves: drift.
        min_overlap: Remember earlier when an object has moved or changed so much that its mask overlaps the last
            remembered one by less than this soft IoU: what is fast must be followed closely.
        min_presence: An object must be present with at least this probability.
        min_agreement: Its mask must overlap what correspondence says by at least this soft IoU.
        pinned_frames: How many annotated views are kept per object: the first, and the newest others.
    """

    recent_frames: int = 3
    interval: int = 8
    min_overlap: float = 0.6
    min_presence: float = 0.5
    min_agreement: float = 0.3
    pinned_frames: int = 4

    def trusts(self, decoded: FrameDecode) -> np.ndarray:
        """(N,) bool: which objects of a view are good enough to be remembered."""
        trusted: np.ndarray = (decoded.presence >= self.min_presence) & (decoded.agreement >= self.min_agreement)
        return trusted

    def is_due(self, index: int, last_index: int, mask: np.ndarray, last_mask: np.ndarray) -> bool:
        """Whether the view of frame `index` with an object's mask (h, w) should be remembered after `last_index`."""
        if index - last_index >= self.interval:
            return True
        return bool(mask.sum() > 0.5 and soft_iou(mask[None], last_mask[None])[0] < self.min_overlap)


@dataclass(frozen=True, slots=True, eq=False)
class MemoryEntry:
    """A remembered view.

    Attributes:
        memory: What the model keeps of it, for the objects below.
        object_ids: Who may be read from it, ascending.
        places: Where the middle of each was, in input pixels (x, y) from the middle of the view.
        index: Number of the frame.
        whole: Whether it shows the whole frame, look-alikes and all, for objects that are looked for there.
    """

    memory: Memory
    object_ids: tuple[int, ...]
    places: tuple[tuple[float, float], ...]
    index: int
    whole: bool = False

    def without(self, object_id: int) -> MemoryEntry | None:
        """The entry when an object is forgotten; None if nobody is left."""
        rows = [row for row, own in enumerate(self.object_ids) if own != object_id]
        if len(rows) == len(self.object_ids):
            return self
        if not rows:
            return None
        return replace(
            self,
            memory=self.memory.select(rows),
            object_ids=tuple(self.object_ids[row] for row in rows),
            places=tuple(self.places[row] for row in rows),
        )

    def read_for(self, object_ids: Sequence[int]) -> Memory:
        """The memory for another list of objects."""
        return self.memory.select([self.object_ids.index(i) if i in self.object_ids else None for i in object_ids])

    def shift_to(self, places: Mapping[int, tuple[float, float]]) -> tuple[float, float]:
        """How far its objects are from there to the given places, in input pixels (x, y): the mean over them."""
        moved = [
            (places[i][0] - x, places[i][1] - y)
            for i, (x, y) in zip(self.object_ids, self.places, strict=True)
            if i in places
        ]
        return sum(x for x, _ in moved) / len(moved), sum(y for _, y in moved) / len(moved)


class MemoryBank:
    """What one video's tracker remembers; entries are never changed in place."""

    def __init__(self, policy: MemoryPolicy, entries: Sequence[MemoryEntry] = ()) -> None:
        self.policy = policy
        self.entries = tuple(entries)

    def entries_for(self, object_ids: Sequence[int], *, whole: bool = False) -> list[MemoryEntry]:
        """What the objects can be read from: pinned views first, then the recent ones, oldest to newest.

        Args:
            object_ids: The objects.
            whole: Whether to read the annotated frames as a whole too.
        """
        wanted = set(object_ids)
        useful = [e for e in self.entries if whole >= e.whole and not wanted.isdisjoint(e.object_ids)]
        return sorted(useful, key=lambda entry: not entry.memory.pinned)

    def add(self, new: MemoryEntry) -> None:
        """Keeps a view; per object, what is beyond the limits goes."""
        self.entries = (*self.entries, new)
        for object_id in new.object_ids:
            own = [
                e
                for e in self.entries
                if object_id in e.object_ids and (e.memory.pinned, e.whole) == (new.memory.pinned, new.whole)
            ]
            if new.memory.pinned:
                surplus = own[1 : len(own) - self.policy.pinned_frames + 1]
            else:
                surplus = own[: max(0, len(own) - self.policy.recent_frames)]
            self._release(object_id, surplus)

    def forget_recent(self) -> None:
        """Drops everything but the annotated views."""
        self.entries = tuple(entry for entry in self.entries if entry.memory.pinned)

    def forget(self, object_id: int) -> None:
        """Drops an object from all entries."""
        self._release(object_id, self.entries)

    def _release(self, object_id: int, entries: Sequence[MemoryEntry]) -> None:
        chosen = {id(entry) for entry in entries}
        kept = (entry.without(object_id) if id(entry) in chosen else entry for entry in self.entries)
        self.entries = tuple(entry for entry in kept if entry is not None)
