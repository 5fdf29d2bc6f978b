"""Presentation times that always increase, also where a container lost some."""

from __future__ import annotations


class Timeline:
    """Gives every frame of one pass its pts.

    The container's pts is kept as it is whenever it is later than the one before. One that is missing, repeated or
    runs backwards is replaced by the previous pts plus the nominal frame step, so that masks and encoders always see
    increasing times; `repaired` counts these and `first_repaired` is the index of the first.
    """

    def __init__(self, nominal_step: int) -> None:
        self._step = nominal_step
        self._last: int | None = None
        self._count = 0
        self.repaired = 0
        self.first_repaired: int | None = None

    def place(self, pts: int | None, dts: int | None) -> int:
        """Time of the next frame in display order; `dts` stands in for a missing pts of the very first one."""
        if pts is not None and (self._last is None or pts > self._last):
            placed = pts
        else:
            placed = (dts or 0) if self._last is None else self._last + self._step
            if self.first_repaired is None:
                self.first_repaired = self._count
            self.repaired += 1
        self._last = placed
        self._count += 1
        return placed
