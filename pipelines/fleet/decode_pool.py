"""Decoding in separate processes, for fast workers whose own decoding thread cannot keep up, as at 4K.

A `FrameServer` decodes videos for workers; a `PooledSource` is the worker's end and looks like any other source. Frames
come at full size, because the last step of tracking uses the edges of the original picture: masks are the same to the
byte as with local decoding. These are the only frames that pass through Ray's object store, and the worker limits
their number: it requests a frame only after it has taken one (credits), so none accumulate and none are spilled.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vos.errors import exit_code_of
from vos.video import Frame, FrameSource, Truncation, VideoInfo, open_source
from vos.video.types import ClosesOnExit, SourceAround

# Limits on the frames that a worker has requested and not yet taken: their number, and their bytes (at least one).
MAX_IN_FLIGHT = 4
STREAM_BYTES = 128 * 2**20

_OPEN_ATTEMPTS = 20
_OPEN_PAUSE_SECONDS = 1.0

# Decoding is the bottleneck of a worker whose decoding thread is busy for more than this share of a video.
DECODE_BOUND = 0.8


class DecoderLost(Exception):
    """The process that decoded for a worker died or forgot the video; another attempt may succeed."""


class FrameServer:
    """Opens and decodes videos, one stream per worker. Runs inside a Ray actor, which calls it one by one."""

    def __init__(self) -> None:
        self._sources: dict[int, FrameSource] = {}
        self._frames: dict[int, Iterator[Frame]] = {}

    def process(self) -> int:
        """Process id."""
        return os.getpid()

    def open(self, stream: int, video: str, options: dict[str, Any]) -> VideoInfo:
        """Opens a video for a worker and closes its previous one. Raises VideoError."""
        self.close(stream)
        source = self._sources[stream] = open_source(video, **options)
        return source.info

    def start(self, stream: int) -> None:
        """Goes to the first frame."""
        self._frames[stream] = iter(self._sources[stream])

    def next(self, stream: int) -> Frame | None:
        """The next frame; None after the last, however often it is asked for."""
        return next(self._frames[stream], None)

    def read_at(self, stream: int, index: int) -> Frame:
        """One frame by number."""
        return self._sources[stream].read_at(index)

    def state(self, stream: int) -> tuple[VideoInfo, Truncation | None]:
        """What is known about the video so far."""
        source = self._sources[stream]
        return source.info, source.truncation

    def close(self, stream: int) -> None:
        """Forgets a stream, if there is one."""
        self._frames.pop(stream, None)
        source = self._sources.pop(stream, None)
        if source is not None:
            source.close()


class PooledSource(ClosesOnExit):
    """A video that a `FrameServer` decodes.

    Args:
        ray: The module.
        server: Handle of the actor.
        stream: Number of the worker.
        video, options: As for `open_source`.

    Raises:
        VideoError: As the server's source raises it, here and in every other call.
        DecoderLost: Likewise.
    """

    def __init__(self, ray: Any, server: Any, stream: int, video: str, options: dict[str, Any]) -> None:
        self._ray = ray
        self._server = server
        self._stream = stream
        self._info = self._open(video, options)
        self._truncation: Truncation | None = None

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def truncation(self) -> Truncation | None:
        return self._truncation

    @property
    def in_flight(self) -> int:
        """How many frames are requested ahead."""
        return frames_in_flight(self._info.width, self._info.height)

    def __iter__(self) -> Iterator[Frame]:
        self._get(self._server.start.remote(self._stream))
        return self._frames()

    def read_at(self, index: int) -> Frame:
        return _own(self._get(self._server.read_at.remote(self._stream, index)))

    def close(self) -> None:
        # Without waiting: the server may be gone, and closes the stream before the next video in any case.
        self._server.close.remote(self._stream)

    def _open(self, video: str, options: dict[str, Any]) -> VideoInfo:
        """A server that has just died is being restarted; that takes seconds."""
        for _ in range(_OPEN_ATTEMPTS):
            try:
                info: VideoInfo = self._get(self._server.open.remote(self._stream, video, options))
                return info
            except DecoderLost:
                time.sleep(_OPEN_PAUSE_SECONDS)
        raise DecoderLost(f"no decoding process for {_OPEN_ATTEMPTS * _OPEN_PAUSE_SECONDS:.0f} s")

    def _frames(self) -> Iterator[Frame]:
        asked: deque[Any] = deque()
        while True:
            while len(asked) < self.in_flight:
                asked.append(self._server.next.remote(self._stream))
            frame: Frame | None = self._get(asked.popleft())
            if frame is None:
                break
            # The copy frees the memory of the object store at once.
            frame = _own(frame)
            yield frame
            del frame
        self._info, self._truncation = self._get(self._server.state.remote(self._stream))

    def _get(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            if exit_code_of(error.cause) is not None:
                # The server's error, without Ray's report of how it got here.
                raise error.cause from None
            raise DecoderLost(f"the decoding process failed ({type(error.cause).__name__}: {error.cause})") from error
        except self._ray.exceptions.RayError as error:
            raise DecoderLost(f"the decoding process was lost ({type(error).__name__})") from error


def frames_in_flight(width: int, height: int) -> int:
    """Frames of a size that may be between server and worker."""
    return max(1, min(MAX_IN_FLIGHT, STREAM_BYTES // (3 * width * height)))


def _own(frame: Frame) -> Frame:
    """A frame whose array belongs to the receiver; those from the object store are read-only."""
    return Frame(frame.index, frame.pts, frame.time_base, np.array(frame.rgb))


@dataclass(slots=True)
class DecodeClock:
    """Seconds that decoding took, in whatever thread it ran."""

    seconds: float = 0.0


class TimedSource(SourceAround):
    """A source that counts the time its iterators take to give a frame."""

    def __init__(self, source: FrameSource, clock: DecodeClock) -> None:
        super().__init__(source)
        self._clock = clock

    def __iter__(self) -> Iterator[Frame]:
        return self._timed(super().__iter__())

    def _timed(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        while True:
            began = time.perf_counter()
            frame = next(frames, None)
            self._clock.seconds += time.perf_counter() - began
            if frame is None:
                return
            yield frame
            del frame


def decoders_wanted(decode_seconds: float, seconds: float, *, workers: int, spare_cores: int) -> int:
    """How many servers would help workers that spent `decode_seconds` of `seconds` on decoding.

    0 if inference or writing is the bottleneck, or if there is no free core to run them on.
    """
    if decode_seconds <= DECODE_BOUND * seconds:
        return 0
    return max(0, min(workers, spare_cores))
