"""One open container and its decoder: pictures in display order, from the start or from a seek point."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from av.video.reformatter import VideoReformatter

from vos.video import border
from vos.video.probe import Probe
from vos.video.types import Frame


class DamagedPacket(Exception):
    """The decoder refused a packet while it ran with frame threads. Internal: callers start over without them."""


class Decoder:
    """Owns a container until `close`. One thread iterates; any thread may close.

    Attributes:
        failure: (number of pictures given so far, FFmpeg's words) of the first packet that could not be read or
            decoded; None while all is well.
    """

    def __init__(self, path: Path, probe: Probe, *, threads: bool) -> None:
        self.failure: tuple[int, str] | None = None
        self._threads = threads
        self._orientation = probe.orientation
        self._size = probe.stored_size
        self._time_base = probe.info.time_base
        self._reformatter = VideoReformatter()
        # FFmpeg contexts must not be closed under a running call.
        self._lock = threading.Lock()
        self._container: Any = border.open_container(path)
        self._stream = self._container.streams.video[probe.stream]
        border.configure_decoder(self._stream, threads=threads)

    def pictures(self) -> Iterator[Any]:
        """Decoded pictures from the current position to the end, or until `close`.

        Damaged packets are skipped and noted in `failure`; with threads they raise DamagedPacket instead, because
        frame threading loses good pictures around a bad one.
        """
        given = 0
        packets = self._container.demux(self._stream)
        while (batch := self._next_batch(packets, given)) is not None:
            while batch:
                given += 1
                yield batch.popleft()

    def _next_batch(self, packets: Iterator[Any], given: int) -> deque[Any] | None:
        """Pictures that the next packet completes; None at the end."""
        with self._lock:
            if self._container is None:
                return None
            try:
                packet = next(packets)
            except StopIteration:
                return None
            except border.AV_ERRORS as error:
                self._note(given, error)
                packet = None
            try:
                # If the demuxer gave up, it will not send the packet that makes the decoder give all it holds; and
                # being finished, it lets the next call return None.
                batch = packet.decode() if packet is not None else self._stream.codec_context.decode(None)
            except border.AV_ERRORS as error:
                self._note(given, error)
                return deque()
        if self._threads and any(picture.is_corrupt for picture in batch):
            raise DamagedPacket("a picture is damaged")
        return deque(batch)

    def _note(self, given: int, error: BaseException) -> None:
        if self._threads:
            raise DamagedPacket(border.reason(error)) from error
        if self.failure is None:
            self.failure = (given, border.reason(error))

    def seek(self, pts: int) -> None:
        """Goes to a key frame near `pts`. FFmpeg promises it to be before; in MPEG-TS it need not be. Verify."""
        with self._lock:
            self._container.seek(pts, stream=self._stream, backward=True)

    def frame(self, picture: Any, index: int, pts: int) -> Frame:
        """The displayed frame of a decoded picture."""
        stored = border.to_rgb(picture, self._reformatter, *self._size)
        return Frame(index, pts, self._time_base, self._orientation.apply(stored))

    def close(self) -> None:
        with self._lock:
            container, self._container = self._container, None
            if container is not None:
                container.close()
