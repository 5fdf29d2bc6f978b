"""Frames of the open video as JPEG, decoded on demand, a bounded number of them kept."""

from __future__ import annotations

import threading
from collections import OrderedDict

import cv2
import numpy as np

from vos.errors import VideoError
from vos.video import FrameSource

# Longer sides are shown smaller: no screen shows more, and scrubbing stays quick. Prompts are always at source size.
MAX_SHOWN_SIDE = 1920
_JPEG_QUALITY = 88
_JPEG_BYTES = 32 * 1024 * 1024
_DECODED_FRAMES = 3


def shown_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) at which frames and masks go to the browser."""
    scale = min(1.0, MAX_SHOWN_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


class FrameStore:
    """Random access to one video from any thread; one decodes at a time.

    Args:
        source: Belongs to the store from now on.
    """

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._rgb: OrderedDict[int, np.ndarray] = OrderedDict()
        self._jpeg: OrderedDict[int, bytes] = OrderedDict()
        self._jpeg_bytes = 0
        self.info = source.info
        self.times = _times_of(source)
        self.shown = shown_size(self.info.width, self.info.height)

    def __len__(self) -> int:
        return len(self.times)

    def rgb(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 at source size; not to be changed.

        Raises:
            VideoError: There is no such frame, or it cannot be decoded.
        """
        with self._lock:
            return self._decode(index)

    def jpeg(self, index: int) -> bytes:
        """The frame at `shown` size. Raises VideoError like `rgb`."""
        with self._lock:
            found = self._jpeg.get(index)
            if found is not None:
                self._jpeg.move_to_end(index)
                return found
            rgb = self._decode(index)
            if (rgb.shape[1], rgb.shape[0]) != self.shown:
                rgb = cv2.resize(rgb, self.shown, interpolation=cv2.INTER_AREA)
            done, buffer = cv2.imencode(
                ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
            )
            if not done:
                raise VideoError(f"frame {index} cannot be encoded as JPEG")
            data = buffer.tobytes()
            self._jpeg[index] = data
            self._jpeg_bytes += len(data)
            while self._jpeg_bytes > _JPEG_BYTES and len(self._jpeg) > 1:
                self._jpeg_bytes -= len(self._jpeg.popitem(last=False)[1])
            return data

    def close(self) -> None:
        with self._lock:
            self._source.close()
            self._rgb.clear()
            self._jpeg.clear()

    def _decode(self, index: int) -> np.ndarray:
        if not 0 <= index < len(self):
            raise VideoError(f"there is no frame {index}; the video has frames 0 to {len(self) - 1}")
        rgb = self._rgb.get(index)
        if rgb is None:
            rgb = self._rgb[index] = self._source.read_at(index).rgb
            while len(self._rgb) > _DECODED_FRAMES:
                self._rgb.popitem(last=False)
        else:
            self._rgb.move_to_end(index)
        return rgb


def _times_of(source: FrameSource) -> np.ndarray:
    """(N,) float64: seconds of every frame from the first one on."""
    from vos.video.av_source import AvSource

    info = source.info
    if isinstance(source, AvSource):
        pts = source.pts_table()
        if len(pts) == 0:
            raise VideoError("the video has no frame that can be decoded")
        return np.asarray((pts - pts[0]) * float(info.time_base))
    if info.frame_count is None:
        raise VideoError("only video files and folders of images can be opened in the browser")
    return np.arange(info.frame_count) * float(info.time_base)
