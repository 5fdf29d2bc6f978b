"""Writes in a thread, so that encoding overlaps inference."""

from __future__ import annotations

import queue
import threading

from vos.export.sink import MaskSink
from vos.results import FrameResult
from vos.video import Frame, VideoInfo


class BackgroundSink(MaskSink):
    """Passes frames to several sinks from one thread, in order, through a bounded queue.

    An exception in a sink is raised by the next `write`, or by `close`; frames after it are dropped.

    Args:
        sinks: Who gets every frame.
        depth: How many frames may wait; `write` blocks when that many do.
    """

    def __init__(self, sinks: list[MaskSink], *, depth: int = 4) -> None:
        self.sinks = sinks
        self._queue: queue.Queue[tuple[Frame, FrameResult] | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def open(self, info: VideoInfo) -> None:
        opened: list[MaskSink] = []
        try:
            for sink in self.sinks:
                sink.open(info)
                opened.append(sink)
        except BaseException:
            for sink in opened:
                sink.abort()
            raise
        self._thread = threading.Thread(target=self._run, name="vos-sinks", daemon=True)
        self._thread.start()

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._error is not None:
            raise self._error
        self._queue.put((frame, result))

    def close(self) -> None:
        self._finish()
        if self._error is not None:
            raise self._error
        for sink in self.sinks:
            sink.close()

    def abort(self) -> None:
        self._finish()
        for sink in self.sinks:
            sink.abort()

    def _finish(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is not None:
                continue
            try:
                for sink in self.sinks:
                    sink.write(*item)
            except BaseException as error:
                self._error = error
