"""Reading ahead is bounded, passes errors on and leaves nothing running."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vos.errors import VideoError
from vos.video import Frame, FrameSource, ReadAhead, VideoInfo, open_source
from vos.video.decoder import Decoder
from vos.video.types import ClosesOnExit, Truncation


class CountingSource(ClosesOnExit):
    """Makes frames without a video and knows at every moment how many of them are alive."""

    info = VideoInfo(
        width=8, height=4, frame_count=None, average_rate=None, time_base=Fraction(1), codec="test", container="test"
    )
    truncation: Truncation | None = None

    def __init__(self, count: int, *, fail_at: int | None = None) -> None:
        self.count = count
        self.fail_at = fail_at
        self.most_alive = 0
        self.made = 0
        self.ended = self.closed = False
        self._pictures: list[weakref.ref[np.ndarray]] = []

    def __iter__(self) -> Iterator[Frame]:
        try:
            for index in range(self.count):
                if index == self.fail_at:
                    raise VideoError(f"frame {index} is broken")
                rgb = np.full((4, 8, 3), index % 256, np.uint8)
                self._pictures.append(weakref.ref(rgb))
                self.made += 1
                self.most_alive = max(self.most_alive, sum(ref() is not None for ref in self._pictures))
                yield Frame(index, index, Fraction(1), rgb)
                del rgb
        finally:
            self.ended = True

    def read_at(self, index: int) -> Frame:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


def reader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "vos-read-ahead"]


def test_sources_and_read_ahead_keep_the_protocol(clips: Any) -> None:
    source = open_source(clips.make("a.mp4", range(3)))
    assert isinstance(source, FrameSource)
    assert isinstance(ReadAhead(source), FrameSource)
    source.close()


@pytest.mark.parametrize("depth", [1, 4, 12])
def test_never_more_than_depth_frames_wait_for_a_consumer(depth: int) -> None:
    source = CountingSource(200)
    for frame in ReadAhead(source, depth=depth):
        assert source.made <= frame.index + 1 + depth
    # The queue, the consumer's own, and for a moment the one that the consumer is about to let go of.
    assert source.most_alive <= depth + 2 <= 16


def test_frames_come_complete_and_in_order() -> None:
    assert [frame.index for frame in ReadAhead(CountingSource(50), depth=3)] == list(range(50))


def test_every_frame_comes_with_the_one_after_it_where_that_is_decoded() -> None:
    pairs = ReadAhead(CountingSource(20), depth=3).with_upcoming()
    seen = []
    for frame, upcoming in pairs:
        assert upcoming is None or upcoming.index == frame.index + 1
        seen.append((frame.index, upcoming is not None))
        time.sleep(0.01)
    assert [index for index, _ in seen] == list(range(20))
    assert sum(known for _, known in seen) > 10
    assert not seen[-1][1]


def test_an_error_comes_after_the_frames_before_it() -> None:
    seen = []
    with pytest.raises(VideoError, match="frame 3 is broken"):
        for frame in ReadAhead(CountingSource(10, fail_at=3)):
            seen.append(frame.index)
    assert seen == [0, 1, 2]
    assert not reader_threads()


def test_an_abandoned_iterator_ends_its_thread_and_its_source() -> None:
    source = CountingSource(1000)
    iterator = iter(ReadAhead(source, depth=2))
    next(iterator)
    assert reader_threads()
    del iterator
    gc.collect()
    assert not reader_threads()
    assert source.ended and source.made <= 4


def test_closing_ends_threads_of_open_iterators_and_closes_the_source() -> None:
    source = CountingSource(1000)
    ahead = ReadAhead(source, depth=2)
    iterator = iter(ahead)
    next(iterator)
    ahead.close()
    assert not reader_threads()
    assert source.ended and source.closed
    assert next(iterator, None) is None


def test_closing_wakes_a_consumer_that_waits_for_a_frame() -> None:
    entered, release = threading.Event(), threading.Event()

    class Stuck(CountingSource):
        def __iter__(self) -> Iterator[Frame]:
            entered.set()
            release.wait()
            yield from ()

    ahead = ReadAhead(Stuck(1))
    got: list[list[Frame]] = []
    consumer = threading.Thread(target=lambda: got.append(list(ahead)))
    consumer.start()
    entered.wait()
    closer = threading.Thread(target=ahead.close)
    closer.start()
    release.set()
    closer.join(timeout=60)
    consumer.join(timeout=60)
    assert got == [[]] and not reader_threads()


def test_a_depth_outside_the_bound_is_refused() -> None:
    for depth in (0, 13):
        with pytest.raises(ValueError, match="depth must be 1 to 12"):
            ReadAhead(CountingSource(1), depth=depth)


def _open_files(path: Path) -> int:
    folder = Path("/proc/self/fd")
    return sum(1 for entry in folder.iterdir() if os.path.realpath(entry) == str(path.resolve()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to see open files")
def test_an_abandoned_video_iterator_closes_its_file_and_its_thread(clips: Any) -> None:
    path = clips.make("a.mp4", range(60))
    source = open_source(path)
    iterator = iter(ReadAhead(source, depth=2))
    next(iterator)
    assert _open_files(path) == 1
    del iterator
    gc.collect()
    assert _open_files(path) == 0
    assert not reader_threads()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to see open files")
def test_closing_a_source_closes_the_files_of_its_iterators_and_of_read_at(clips: Any) -> None:
    path = clips.make("a.mp4", range(60))
    source = open_source(path)
    iterator = iter(source)
    next(iterator)
    source.read_at(30)
    assert _open_files(path) == 2
    source.close()
    source.close()
    assert _open_files(path) == 0
    assert next(iterator, None) is None
    assert source.truncation is None, "closing early is no damage"
    with pytest.raises(VideoError, match="closed"):
        iter(source)


def test_at_most_sixteen_decoded_frames_are_alive_however_long_the_video(
    clips: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0
    original = Decoder.frame

    def counted(self: Decoder, picture: Any, index: int, pts: int) -> Frame:
        nonlocal most
        frame = original(self, picture, index, pts)
        alive.append(weakref.ref(frame.rgb))
        most = max(most, sum(ref() is not None for ref in alive))
        return frame

    monkeypatch.setattr(Decoder, "frame", counted)
    with ReadAhead(open_source(clips.make("a.mp4", range(300))), depth=4) as source:
        count = sum(1 for _ in source)
    assert count == len(alive) == 300
    assert most <= 6
