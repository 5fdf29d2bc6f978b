"""Some frames of a video as a video of their own: what a worker sees that tracks a part of a long one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from vos.errors import VideoError
from vos.video.types import ClosesOnExit, Frame, FrameSource, Truncation, VideoInfo


class Excerpt(ClosesOnExit):
    """Chosen frames of a source, numbered anew from 0; their times stay.

    Frames are fetched by number, so a part in the middle costs no decoding of all that comes before.

    Args:
        source: Must be readable by number (`read_at`). Closing the excerpt closes it.
        frames: Numbers of its frames, ascending, at least one.
    """

    def __init__(self, source: FrameSource, frames: Sequence[int]) -> None:
        if not frames or any(later <= earlier for earlier, later in pairwise(frames)):
            raise ValueError("an excerpt needs ascending frame numbers")
        self._source = source
        self._frames = frames

    @property
    def info(self) -> VideoInfo:
        return replace(self._source.info, frame_count=len(self._frames), frame_names=())

    @property
    def truncation(self) -> Truncation | None:
        """Always None: a frame that cannot be had is an error."""
        return None

    def __iter__(self) -> Iterator[Frame]:
        return (self.read_at(position) for position in range(len(self._frames)))

    def read_at(self, index: int) -> Frame:
        if not 0 <= index < len(self._frames):
            raise VideoError(f"no frame {index} in an excerpt of {len(self._frames)} frames")
        return replace(self._source.read_at(self._frames[index]), index=index)

    def close(self) -> None:
        self._source.close()
