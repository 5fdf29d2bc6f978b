"""What is counted of every object while the frames of a run pass: members `objects` and `events` of run.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vos.results import FrameResult
from vos.tracking.absence import PresenceEvents


@dataclass(slots=True)
class ObjectSummary:
    """What is counted of one object.

    Attributes:
        frames: In which it is known.
        frames_with_pixels: In which it has at least one.
        presence_sum: Of all frames.
    """

    frames: int = 0
    frames_with_pixels: int = 0
    presence_sum: float = 0.0


class RunSummary:
    """Takes the results of a run in their order.

    Args:
        absent_below: Presence below which an object is absent.
    """

    def __init__(self, absent_below: float) -> None:
        self.objects: dict[int, ObjectSummary] = {}
        self._events = PresenceEvents(absent_below)

    def update(self, result: FrameResult) -> np.ndarray:
        """Counts one more frame. Returns the pixels of every label, (highest id + 1,) int64."""
        self._events.update(result)
        counts = np.bincount(result.labels.ravel(), minlength=max(result.object_ids, default=0) + 1)
        for object_id, score in zip(result.object_ids, result.presence, strict=True):
            summary = self.objects.setdefault(object_id, ObjectSummary())
            summary.frames += 1
            summary.frames_with_pixels += bool(counts[object_id])
            summary.presence_sum += score
        return counts

    def members(self) -> dict[str, Any]:
        """The two members of run.json."""
        return {
            "objects": {
                str(object_id): {
                    "frames": summary.frames,
                    "frames_with_pixels": summary.frames_with_pixels,
                    "mean_presence": round(summary.presence_sum / summary.frames, 4),
                }
                for object_id, summary in sorted(self.objects.items())
            },
            "events": [event.to_json() for event in self._events.events],
        }
