"""Frames as bare bytes from standard input: `ffmpeg ... -f rawvideo -pix_fmt rgb24 - | vos track - --size WxH`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from vos.errors import UsageError, VideoError
from vos.video.pyav_compat import MAX_PIXELS
from vos.video.types import ClosesOnExit, Frame, Truncation, VideoInfo

# Pixel format -> (bytes per pixel, which of them are red, green and blue).
RAW_FORMATS: dict[str, tuple[int, tuple[int, int, int]]] = {
    "rgb24": (3, (0, 1, 2)),
    "bgr24": (3, (2, 1, 0)),
    "rgba": (4, (0, 1, 2)),
    "bgra": (4, (2, 1, 0)),
    "gray": (1, (0, 0, 0)),
}


class RawSource(ClosesOnExit):
    """Raw frames of fixed size from a binary stream, read once and in order.

    Args:
        stream: Where the bytes come from. It is read frame by frame and not closed.
        size: (width, height) in pixels.
        rate: Frames per second.
        pixel_format: One of RAW_FORMATS, packed, rows without padding.

    Raises:
        UsageError: A size, rate or format that cannot be.
    """

    def __init__(self, stream: BinaryIO, *, size: tuple[int, int], rate: Fraction, pixel_format: str = "rgb24") -> None:
        width, height = size
        if width < 1 or height < 1 or width * height > MAX_PIXELS:
            raise UsageError(f"raw video: a size of {width}x{height} is not possible; give --size WIDTHxHEIGHT")
        if rate <= 0:
            raise UsageError(f"raw video: a rate of {rate} is not possible; give frames per second above 0")
        if pixel_format not in RAW_FORMATS:
            raise UsageError(f"raw video: pixel format {pixel_format!r} is not one of {', '.join(RAW_FORMATS)}")
        self._stream = stream
        self._started = self._closed = False
        self._truncation: Truncation | None = None
        self._info = VideoInfo(
            width=width,
            height=height,
            frame_count=None,
            average_rate=rate,
            time_base=1 / rate,
            codec="rawvideo",
            container="stdin",
            pixel_format=pixel_format,
        )

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def truncation(self) -> Truncation | None:
        return self._truncation

    def __iter__(self) -> Iterator[Frame]:
        if self._started:
            raise VideoError("standard input can be read only once; save it to a file to read it again")
        self._started = True
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        channels, order = RAW_FORMATS[self._info.pixel_format]
        shape = (self._info.height, self._info.width, channels)
        expected = shape[0] * shape[1] * channels
        index = 0
        while not self._closed:
            data = self._read(expected)
            if len(data) < expected:
                self._finish(index, len(data), expected)
                return
            packed = np.frombuffer(data, np.uint8).reshape(shape)
            # A bytearray belongs to its frame alone, so the array of the common case needs no copy.
            rgb = packed if order == (0, 1, 2) and channels == 3 else np.ascontiguousarray(packed[:, :, list(order)])
            yield Frame(index, index, self._info.time_base, rgb)
            index += 1

    def _read(self, count: int) -> bytearray:
        """Up to `count` bytes; fewer only at the end. Pipes hand over less than asked for."""
        data = bytearray()
        while len(data) < count:
            part = self._stream.read(count - len(data))
            if not part:
                break
            data += part
        return data

    def _finish(self, count: int, left_over: int, expected: int) -> None:
        if left_over:
            time = float(count * self._info.time_base)
            self._truncation = Truncation(
                count, time, f"the input ends after {left_over} of a frame's {expected} bytes"
            )
        elif count == 0:
            raise VideoError("standard input: no frame arrived; check the command before the pipe")
        self._info = replace(self._info, frame_count=count, is_truncated=self._truncation is not None)

    def read_at(self, index: int) -> Frame:
        raise VideoError(f"frame {index}: standard input can only be read in order; save it to a file first")

    def close(self) -> None:
        self._closed = True
