"""Which frame is on display at a time."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np

from vos.errors import UsageError
from vos.video.av_source import AvSource
from vos.video.images import ImageFolderSource
from vos.video.types import FrameSource

_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)")


def parse_time(text: str) -> Fraction | None:
    """Seconds from `2.5s`, `1:02.5` or `00:01:02.5`; None for anything else."""
    seconds = _SECONDS.fullmatch(text)
    if seconds:
        return Fraction(seconds[1])
    clock = _CLOCK.fullmatch(text)
    if clock is None or int(clock[2]) > 59 or Fraction(clock[3]) >= 60:
        return None
    return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + Fraction(clock[3])


def frame_at(source: FrameSource, seconds: Fraction) -> int:
    """The frame that a player shows `seconds` after the first frame: the last one that is not later.

    Raises:
        UsageError: The video has ended by then, or the source cannot tell (a stream, a camera).
    """
    info = source.info
    if isinstance(source, ImageFolderSource):
        times = np.arange(len(source.paths))
    elif isinstance(source, AvSource):
        times = source.pts_table()
    else:
        raise UsageError("a time needs a video that can be read again; give the number of the frame")
    # In units of the time base, without rounding: pts are whole numbers.
    wanted = int(times[0]) + seconds / info.time_base
    step = 1 / (info.average_rate * info.time_base) if info.average_rate else Fraction(0)
    if wanted >= int(times[-1]) + max(step, Fraction(1)):
        end = float((int(times[-1]) - int(times[0])) * info.time_base)
        raise UsageError(f"{float(seconds):g} s is after the end of the video; its last frame is shown at {end:g} s")
    return int(np.searchsorted(times, int(wanted), side="right")) - 1
