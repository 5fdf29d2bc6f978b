"""Decodes in a thread while the caller works on the frame before: bounded, prompt to stop, errors passed on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from weakref import WeakSet

from vos.video.types import Frame, FrameSource, SourceAround

# No decoder takes this long for a frame; only a live input does.
_STOP_TIMEOUT_S = 5.0


class ReadAhead(SourceAround):
    """A source that stays up to `depth` frames ahead of its consumer.

    At most `depth` frames are decoded and not yet taken, counting the one being decoded; the consumer's own come on
    top. Each iteration has its own thread, which ends with the iteration: at the last frame, at an exception (raised
    to the consumer after the frames before it), when the iterator is closed or dropped, or at `close`. `depth` is
    1 to 12, so that with the consumer's frames no more than 16 are alive.
    """

    def __init__(self, source: FrameSource, *, depth: int = 4) -> None:
        if not 1 <= depth <= 12:
            raise ValueError(f"depth must be 1 to 12 frames, not {depth}")
        super().__init__(source)
        self._depth = depth
        self._pumps: WeakSet[_Pump] = WeakSet()

    def __iter__(self) -> Iterator[Frame]:
        # Not a generator itself, so that errors of starting come here and not with the first frame.
        return (frame for frame, _ in self.with_upcoming())

    def with_upcoming(self) -> Iterator[tuple[Frame, Frame | None]]:
        """Every frame and, where it is decoded already, the one after it. Never waits for that one."""
        return self._take(iter(self._source))

    def close(self) -> None:
        for pump in list(self._pumps):
            pump.stop()
        super().close()

    def _take(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, Frame | None]]:
        pump = _Pump(frames, self._depth)
        self._pumps.add(pump)
        try:
            while (frame := pump.get()) is not None:
                yield frame, pump.upcoming
                del frame
        finally:
            pump.stop()


class _Pump:
    """A thread that moves frames from an iterator to a bounded queue."""

    def __init__(self, frames: Iterator[Frame], depth: int) -> None:
        self._frames = frames
        self._depth = depth
        self._queue: deque[Frame] = deque()
        self._error: BaseException | None = None
        self._done = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="vos-read-ahead", daemon=True)
        self._thread.start()

    def get(self) -> Frame | None:
        """The next frame; None at the end or after `stop`. Raises what the iterator raised, at its place."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._done or self._stopping)
            if self._queue and not self._stopping:
                self._changed.notify_all()
                return self._queue.popleft()
            error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    @property
    def upcoming(self) -> Frame | None:
        """What `get` would give at once; None if it would have to wait, or nothing follows."""
        with self._changed:
            return self._queue[0] if self._queue else None

    def stop(self) -> None:
        """Ends the thread after the frame it is decoding and drops what is queued. May be called again.

        A thread that waits for its input (a pipe nobody writes to) cannot be ended; it is left to the process's end.
        """
        with self._changed:
            self._stopping = True
            self._queue.clear()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        try:
            while self._wait_for_room():
                frame = next(self._frames, None)
                if frame is None:
                    break
                with self._changed:
                    if not self._stopping:
                        self._queue.append(frame)
                    del frame
                    self._changed.notify_all()
        except BaseException as error:  # handed to the consumer, whatever it is
            self._error = error
        finally:
            # Generators release their file here, in the thread that ran them.
            close = getattr(self._frames, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._done = True
                self._changed.notify_all()

    def _wait_for_room(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or len(self._queue) < self._depth)
            return not self._stopping
