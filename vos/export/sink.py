"""What every sink does."""

from __future__ import annotations

from typing import Protocol

from vos.results import FrameResult
from vos.video import Frame, VideoInfo


class MaskSink(Protocol):
    """Takes the results of one video in frame order.

    Files appear under their final names complete or not at all. After an exception anywhere in the run, `abort` is
    called instead of `close`: what single frames have written stays (they are complete, and a run can be resumed from
    them), whatever needs all frames is removed.
    """

    def open(self, info: VideoInfo) -> None:
        """Before the first frame. Raises OutputError if the place cannot be written."""

    def write(self, frame: Frame, result: FrameResult) -> None:
        """One frame with its masks. Neither is changed, and neither may be kept after the call."""

    def close(self) -> None:
        """After the last frame: completes the files."""

    def abort(self) -> None:
        """The run has failed."""
