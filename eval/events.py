"""What happens to an object over a sequence, counted: how soon it is found again after an absence, and how often its
mask goes over to another object.

An object is found in a frame when its mask and the true one have an IoU of at least 0.5. It has switched to another
object in a frame when its mask overlaps that object's true mask more than its own, by an IoU of at least 0.5; frames
with the same switch in a row count once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.overlaps import FrameOverlaps
from eval.visibility import find_runs

FOUND = 0.5


@dataclass(frozen=True, slots=True)
class ObjectEvents:
    """Events of one object.

    Attributes:
        object_id: Its id in both sides.
        returns: How often it comes back into view after an absence.
        found_after: Of each return, frames from the first with the object to the first in which it is found; None
            where it leaves again, or the sequence ends, before that.
        false_frames: Frames in which it is absent and has a predicted mask.
        absent_frames: Frames in which it is absent.
        switches: How often its mask goes over to another object.
    """

    object_id: int
    returns: int
    found_after: tuple[int | None, ...]
    false_frames: int
    absent_frames: int
    switches: int


def object_events(frames: Sequence[FrameOverlaps], object_id: int) -> ObjectEvents:
    """Events of the object with this id, in the frames of a sequence in order."""
    absent = np.array([object_id not in frame.true_ids for frame in frames], bool)
    shown = np.array([object_id in frame.predicted_ids for frame in frames], bool)
    found = np.array([_iou(frame, object_id, object_id) >= FOUND for frame in frames], bool)
    runs = find_runs(absent)
    found_after = tuple(next((frame - run.start for frame in run if found[frame]), None) for run in runs.returns)
    taken = [_taken_object(frame, object_id) for frame in frames]
    switches = sum(now is not None and now != before for before, now in zip([None, *taken[:-1]], taken, strict=True))
    return ObjectEvents(
        object_id=object_id,
        returns=len(runs.returns),
        found_after=found_after,
        false_frames=int((absent & shown).sum()),
        absent_frames=int(absent.sum()),
        switches=switches,
    )


def _iou(frame: FrameOverlaps, true_id: int, predicted_id: int) -> float:
    rows, columns = np.flatnonzero(frame.true_ids == true_id), np.flatnonzero(frame.predicted_ids == predicted_id)
    return float(frame.iou[rows[0], columns[0]]) if len(rows) and len(columns) else 0.0


def _taken_object(frame: FrameOverlaps, object_id: int) -> int | None:
    """Another object that the object's mask is on; None if there is none."""
    columns = np.flatnonzero(frame.predicted_ids == object_id)
    if not len(columns) or not len(frame.true_ids):
        return None
    best = int(frame.iou[:, columns[0]].argmax())
    other = int(frame.true_ids[best])
    return other if other != object_id and frame.iou[best, columns[0]] >= FOUND else None
