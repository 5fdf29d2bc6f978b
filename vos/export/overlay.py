"""The video with the objects painted over it."""

from __future__ import annotations

import numpy as np

from vos.export.video_file import VideoFileSink
from vos.files.palette import paint_overlay
from vos.results import FrameResult
from vos.video import Frame


class OverlaySink(VideoFileSink):
    """Writes an overlay video: mp4, mov or mkv."""

    def picture(self, frame: Frame, result: FrameResult) -> np.ndarray:
        return paint_overlay(frame.rgb, result.labels)
