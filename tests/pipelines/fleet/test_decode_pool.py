"""Decoding in processes of their own: the same frames, a bounded number of them on the way, errors as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.fleet.decode_pool import (
    MAX_IN_FLIGHT,
    STREAM_BYTES,
    DecodeClock,
    DecoderLost,
    FrameServer,
    PooledSource,
    TimedSource,
    decoders_wanted,
    frames_in_flight,
)
from tests.pipelines.fleet.conftest import MakeClips
from vos.errors import VideoError
from vos.video import open_source


class TaskError(Exception):
    """Stands for `ray.exceptions.RayTaskError`."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("a long story")
        self.cause = cause


@dataclass
class _Result:
    value: Any
    error: Exception | None = None
    is_streamed: bool = False


class FakeRay:
    """Runs calls of an actor at once, in order, and counts the results that nobody has taken yet."""

    exceptions = SimpleNamespace(RayTaskError=TaskError, RayError=ConnectionError)

    def __init__(self, server: FrameServer) -> None:
        self.waiting = self.most_waiting = 0
        self._server = server

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._server, name)

        def remote(*arguments: Any) -> _Result:
            try:
                result = _Result(method(*arguments))
            except Exception as error:
                return _Result(None, error)
            result.is_streamed = name == "next" and result.value is not None
            self.waiting += result.is_streamed
            self.most_waiting = max(self.most_waiting, self.waiting)
            return result

        return SimpleNamespace(remote=remote)

    def get(self, result: _Result) -> Any:
        if result.error is not None:
            raise TaskError(result.error)
        self.waiting -= result.is_streamed
        return result.value


def test_frames_come_as_from_the_file_and_few_are_on_the_way(clips: MakeClips) -> None:
    path = clips(2, 8)[1]
    ray = FakeRay(FrameServer())
    with open_source(path) as own, PooledSource(ray, ray, 3, str(path), {}) as pooled:
        assert pooled.info == own.info
        for _ in range(2):
            for mine, theirs in zip(own, pooled, strict=True):
                assert (mine.index, mine.pts, mine.time_base) == (theirs.index, theirs.pts, theirs.time_base)
                assert (mine.rgb == theirs.rgb).all() and theirs.rgb.flags.writeable
        assert (pooled.read_at(5).rgb == own.read_at(5).rgb).all()
        assert pooled.truncation is None
    assert 1 < ray.most_waiting <= MAX_IN_FLIGHT


def test_errors_of_a_video_are_its_own_and_others_call_for_another_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    ray = FakeRay(FrameServer())
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        PooledSource(ray, ray, 0, str(tmp_path / "bad.mp4"), {})
    monkeypatch.setattr(FrameServer, "open", lambda *arguments: {}["gone"])
    with pytest.raises(DecoderLost):
        PooledSource(ray, ray, 0, "any.mp4", {})


@pytest.mark.parametrize(("width", "height", "frames"), [(640, 360, 4), (3840, 2160, 4), (7680, 4320, 1)])
def test_large_frames_travel_in_smaller_numbers(width: int, height: int, frames: int) -> None:
    assert frames_in_flight(width, height) == frames
    assert frames * 3 * width * height <= STREAM_BYTES


def test_decoders_are_started_only_if_decoding_is_the_bottleneck_and_cores_are_free() -> None:
    assert decoders_wanted(9.0, 10.0, workers=4, spare_cores=2) == 2
    assert decoders_wanted(9.0, 10.0, workers=2, spare_cores=16) == 2
    assert decoders_wanted(9.0, 10.0, workers=2, spare_cores=0) == 0
    assert decoders_wanted(1.0, 10.0, workers=2, spare_cores=16) == 0
    assert decoders_wanted(0.0, 0.0, workers=2, spare_cores=16) == 0


def test_the_clock_counts_decoding_and_not_what_the_consumer_does(clips: MakeClips) -> None:
    clock = DecodeClock()
    with TimedSource(open_source(clips(2, 8)[0]), clock) as source:
        assert clock.seconds == 0
        frames = iter(source)
        next(frames)
        before = clock.seconds
        assert before > 0
        assert sum(1 for _ in frames) == 7
        assert clock.seconds > before
