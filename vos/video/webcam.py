"""Frames of a camera by OpenCV, as they come, with the time at which they came."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from vos.errors import VideoError
from vos.video.types import ClosesOnExit, Frame, Truncation, VideoInfo

_TIME_BASE = Fraction(1, 1000)


class WebcamSource(ClosesOnExit):
    """Live frames of camera number `device`, until `close` or until the camera stops. Read once, in order.

    `pts` is milliseconds since the first frame arrived (monotonic clock), so the video counts as variable rate.

    Raises:
        VideoError: No such camera, or it gives no picture.
    """

    def __init__(self, device: int = 0) -> None:
        self._name = f"camera:{device}"
        self._capture = cv2.VideoCapture(device)
        self._started = False
        # read() on a camera that did not open gives no picture either.
        first = self._capture.read()[1]
        if first is None:
            self._capture.release()
            raise VideoError(f"{self._name}: no picture from this camera; check that it is connected and not in use")
        self._first: np.ndarray | None = first
        height, width = first.shape[:2]
        reported = self._capture.get(cv2.CAP_PROP_FPS)
        self._info = VideoInfo(
            width=width,
            height=height,
            frame_count=None,
            average_rate=Fraction(reported).limit_denominator(1001) if reported > 0 else None,
            time_base=_TIME_BASE,
            codec="rawvideo",
            container="camera",
            is_vfr=True,
        )

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def truncation(self) -> Truncation | None:
        """Always None: a camera has no length to fall short of."""
        return None

    def __iter__(self) -> Iterator[Frame]:
        if self._started:
            raise VideoError(f"{self._name}: a camera can be read only once; open it again")
        self._started = True
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        image, self._first = self._first, None
        start = time.monotonic()
        index, last = 0, -1
        while image is not None:
            # Two frames within a millisecond still need two times.
            last = max(last + 1, round((time.monotonic() - start) / float(_TIME_BASE)))
            yield Frame(index, last, _TIME_BASE, np.ascontiguousarray(image[:, :, ::-1]))
            index += 1
            image = self._capture.read()[1]
        self._info = replace(self._info, frame_count=index)

    def read_at(self, index: int) -> Frame:
        raise VideoError(f"frame {index}: a camera can only be read in order; record it to a file first")

    def close(self) -> None:
        self._capture.release()
