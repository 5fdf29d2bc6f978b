"""How far a propagation is, for the page."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Literal

RunState = Literal["idle", "running", "stopping"]

_RATE_OVER = 20


class RunProgress:
    """How far a run is; a new one for every run and for every pause between two."""

    def __init__(
        self,
        *,
        state: RunState = "idle",
        epoch: int = 0,
        total: int | None = None,
        message: str = "",
        is_failure: bool = False,
    ) -> None:
        self.state: RunState = state
        # Grows when a run begins and when it ends: masks seen before are not the masks now.
        self.epoch = epoch
        self.frame: int | None = None
        self._done = 0
        self._total = total
        self._message = message
        self._is_failure = is_failure
        # (when, frames done) of the newest frames.
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RATE_OVER)

    def advance(self, done: int, total: int | None) -> None:
        """So many frames of `total` are done now."""
        self._done, self._total = done, total
        self._recent.append((time.monotonic(), done))

    @property
    def _rate(self) -> float | None:
        """Frames per second of late; those that a correction takes over pass quickly and are soon forgotten."""
        if len(self._recent) < 2 or self._recent[-1][0] <= self._recent[0][0]:
            return None
        (began, first), (now, done) = self._recent[0], self._recent[-1]
        return (done - first) / (now - began)

    def view(self) -> dict[str, Any]:
        """As JSON for the page."""
        return {
            "state": self.state,
            "epoch": self.epoch,
            "done": self._done,
            "total": self._total,
            "frame": self.frame,
            "rate": self._rate,
            "message": self._message,
            "is_failure": self._is_failure,
        }
