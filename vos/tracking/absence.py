"""Honest absence: what is painted while an object is away, and the frames in which it was lost and seen again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from vos.results import FrameResult

OnAbsent = Literal["empty", "hold", "stop"]

# A change must last this long to be an event: one frame of flicker is none, and at 25 frames per second nobody leaves
# and comes back within a tenth of a second.
CONFIRM_FRAMES = 3
STOP_AFTER = 50


@dataclass(frozen=True, slots=True)
class AbsencePolicy:
    """What happens to objects that are out of view.

    Attributes:
        below: An object whose presence is below this probability is absent.
        mode: `empty`: an absent object gets no pixels. `hold`: the model's answer is painted anyway; memory
            and events treat the object as absent. `stop`: as `empty`, and the run ends when no object has been seen
            for `stop_after` frames and no prompt is to come.
        stop_after: Frames without any object before `stop` ends the run.
    """

    below: float = 0.5
    mode: OnAbsent = "empty"
    stop_after: int = STOP_AFTER


class StopRule:
    """Says when a run may end because nothing is left to track.

    Args:
        policy: The rule stops in mode `stop` only.
        last_prompt: Index of the last prompted frame; the run goes on until then.
    """

    def __init__(self, policy: AbsencePolicy, *, last_prompt: int) -> None:
        self._policy = policy
        self._last_prompt = last_prompt
        self._empty_frames = 0

    def is_over(self, result: FrameResult) -> bool:
        """Takes the frames in order; True at the frame after which the run ends."""
        self._empty_frames = 0 if result.labels.any() else self._empty_frames + 1
        return (
            self._policy.mode == "stop"
            and self._empty_frames >= self._policy.stop_after
            and result.index >= self._last_prompt
        )


@dataclass(frozen=True, slots=True)
class PresenceEvent:
    """An object was lost or reacquired.

    Attributes:
        event: Which of the two.
        object: Object id.
        frame: The first frame of the change: the first without the object, or the first with it again.
        time: Presentation time of that frame in seconds.
    """

    event: Literal["lost", "reacquired"]
    object: int
    frame: int
    time: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class _Track:
    """What is known of one object: whether it counts as seen, and a change that has yet to last."""

    is_seen: bool
    changed_at: tuple[int, float] | None = None
    changed_for: int = 0


class PresenceEvents:
    """Finds events with hysteresis: a change counts when it lasts `CONFIRM_FRAMES` frames, from its first on.

    Args:
        below: Presence below which an object is absent.
    """

    def __init__(self, below: float) -> None:
        self._below = below
        self._tracks: dict[int, _Track] = {}
        self.events: list[PresenceEvent] = []

    def update(self, result: FrameResult) -> list[PresenceEvent]:
        """Takes the frames in order and returns the events that this one confirms (their frame is earlier).

        An object is seen in a frame in which its presence is not below the threshold and it has at least one pixel.
        It starts as seen or not seen, without an event, in the first frame that knows it.
        """
        pixels = np.bincount(result.labels.ravel(), minlength=max(result.object_ids, default=0) + 1)
        found: list[PresenceEvent] = []
        for object_id, presence in zip(result.object_ids, result.presence, strict=True):
            is_seen = presence >= self._below and bool(pixels[object_id])
            track = self._tracks.setdefault(object_id, _Track(is_seen))
            if is_seen == track.is_seen:
                track.changed_at, track.changed_for = None, 0
                continue
            if track.changed_at is None:
                track.changed_at = (result.index, round(result.time, 6))
            track.changed_for += 1
            if track.changed_for == CONFIRM_FRAMES:
                kind: Literal["lost", "reacquired"] = "reacquired" if is_seen else "lost"
                found.append(PresenceEvent(kind, object_id, *track.changed_at))
                track.is_seen, track.changed_at, track.changed_for = is_seen, None, 0
        self.events += found
        return found
