"""Presentation times that always increase, also where a container lost some."""

from __future__ import annotations

from typing import TypeGuard

# Broken muxers write times out of order by a few frames; more than that is another recording.
_JUMP_FRAMES = 8


class Timeline:
    """Gives every frame of one pass its pts.

    The container's pts is kept as it is whenever it is later than the one before. One that is missing, repeated or
    runs backwards is replaced by the frame's decoding time (dts) if that is later, else by the previous time plus the
    nominal frame step, so that masks and encoders always see increasing times. `repaired` counts these and
    `first_repaired` is the index of the first. `jump` is the first place where time leaps back by many frames, as where
    two recordings are in one file: the index of the frame, the time before it and its own.

    Args:
        nominal_step: Ticks between frames of a constant rate.
        has_pts: False for containers that store no pts, so that what FFmpeg reports as one is a guess.
        start: Time of the first frame if it has none.
    """

    def __init__(self, nominal_step: int, *, has_pts: bool = True, start: int = 0) -> None:
        self._step = nominal_step
        self._start = start
        self._has_pts = has_pts
        self._last: int | None = None
        self._count = 0
        self.repaired = 0
        self.first_repaired: int | None = None
        self.jump: tuple[int, int, int] | None = None

    def place(self, pts: int | None, dts: int | None) -> int:
        """Time of the next frame in display order."""
        if self._has_pts and self._is_later(pts):
            placed = pts
        else:
            self._note_jump(pts)
            fallback = self._start if self._last is None else self._last + self._step
            placed = dts if self._is_later(dts) else fallback
            if self.first_repaired is None:
                self.first_repaired = self._count
            self.repaired += 1
        self._last = placed
        self._count += 1
        return placed

    def _is_later(self, time: int | None) -> TypeGuard[int]:
        return time is not None and (self._last is None or time > self._last)

    def _note_jump(self, pts: int | None) -> None:
        if self.jump is not None or not self._has_pts or pts is None or self._last is None:
            return
        if self._last - pts > _JUMP_FRAMES * self._step:
            self.jump = (self._count, self._last, pts)
