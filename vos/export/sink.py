"""What every sink does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from vos.results import FrameResult
from vos.video import Frame, VideoInfo


class MaskSink(ABC):
    """Takes the results of one video in frame order.

    Files appear under their final names complete or not at all. After an exception anywhere in the run, `abort` is
    called instead of `close`: what single frames have written stays (they are complete, and a run can be resumed from
    them), whatever needs all frames is removed. In a `with` statement both happen by themselves.

    Examples:
        >>> from vos import Box, OverlaySink, VideoTracker, open_source
        >>> tracker = VideoTracker()
        >>> with open_source("clip.mp4") as source, OverlaySink("painted.mp4").opened(source.info) as sink:
        ...     for frame in source:
        ...         prompts = [Box(120, 80, 360, 400)] if frame.index == 0 else []
        ...         sink.write(frame, tracker.step(frame.rgb, prompts))
    """

    @abstractmethod
    def open(self, info: VideoInfo) -> None:
        """Before the first frame. Raises OutputError if the place cannot be written."""

    @abstractmethod
    def write(self, frame: Frame, result: FrameResult) -> None:
        """One frame with its masks. Neither is changed, and neither may be kept after the call."""

    @abstractmethod
    def close(self) -> None:
        """After the last frame: completes the files."""

    @abstractmethod
    def abort(self) -> None:
        """The run has failed."""

    def opened(self, info: VideoInfo) -> Self:
        """This sink after `open`, for a `with` statement. Raises like `open`."""
        self.open(info)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()
