"""One open container and its decoder: pictures in display order, from the start or from a seek point."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from av.video.reformatter import VideoReformatter

from vos.errors import VideoError
from vos.video import pyav_compat
from vos.video.packets import PacketDecoder
from vos.video.probe import Probe
from vos.video.types import Frame


class Decoder:
    """Owns a container until `close`. One thread iterates; any thread may close."""

    def __init__(self, path: Path, probe: Probe, *, threads: bool) -> None:
        self._path = path
        self._orientation = probe.orientation
        self._size = probe.stored_size
        self._time_base = probe.info.time_base
        self._reformatter = VideoReformatter()
        # FFmpeg contexts must not be closed under a running call.
        self._lock = threading.Lock()
        self._container: Any = pyav_compat.open_container(path)
        stream = self._container.streams.video[probe.stream]
        self._packets = PacketDecoder(self._container, stream, threads=threads)

    @property
    def failure(self) -> tuple[int, str] | None:
        """As `PacketDecoder.failure`."""
        return self._packets.failure

    def pictures(self) -> Iterator[Any]:
        """Decoded pictures from the current position to the end, or until `close`. Raises DamagedPacket if threaded."""
        while (batch := self._next_batch()) is not None:
            while batch:
                yield batch.popleft()

    def _next_batch(self) -> deque[Any] | None:
        with self._lock:
            return None if self._container is None else self._packets.next_batch()

    def seek(self, pts: int) -> None:
        """As `PacketDecoder.seek`; `pictures` then starts there."""
        with self._lock:
            self._packets.seek(pts)

    def frame(self, picture: Any, index: int, pts: int) -> Frame:
        """The displayed frame of a decoded picture. Raises VideoError for a pixel format without a way to RGB."""
        try:
            stored = pyav_compat.to_rgb(picture, self._reformatter, *self._size)
        except pyav_compat.AV_ERRORS as error:
            kind = f"{picture.width}x{picture.height} {picture.format.name}"
            raise VideoError(
                f"{self._path}: frame {index} ({kind}) cannot be converted to RGB ({pyav_compat.reason(error)}); "
                f"convert the video to 8-bit H.264"
            ) from error
        return Frame(index, pts, self._time_base, self._orientation.apply(stored))

    def close(self) -> None:
        with self._lock:
            container, self._container = self._container, None
            if container is not None:
                container.close()
