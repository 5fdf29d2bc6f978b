"""decord reads only what it reads right, and nothing depends on it."""

from __future__ import annotations

import builtins
import importlib
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vos.errors import VideoError
from vos.video import open_source
from vos.video.av_source import AvSource
from vos.video.decord_source import admission


def verdict(path: Path) -> tuple[bool, str]:
    with AvSource(path) as source:
        result = admission(path, source)
    return result.admitted, result.reason


def _late(clips: Any) -> Path:
    return clips.make("late.mkv", [25 + i for i in range(30)])


def _turned(clips: Any) -> Path:
    return clips.set_display_matrix(clips.make("turned.mp4", range(5)), 0, 1, -1, 0)


def _short(clips: Any) -> Path:
    path = clips.make("short.mp4", range(40), container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-1500])
    return path


REFUSED = {
    "edit list": (lambda clips: clips.cut(), "an edit list hides 5 pictures"),
    "MPEG-TS": (lambda clips: clips.make("a.ts", range(10)), "mpegts files are not given to it"),
    "late start": (_late, "it starts at 1.000 s, not at 0"),
    "rotation": (_turned, "turned for display"),
    "truncated": (_short, "the file is incomplete"),
    "uncertain count": (lambda clips: clips.make("a.mkv", range(9), codec="mpeg4"), "number of frames is not certain"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_clips_that_decord_gets_wrong_are_refused_without_asking_it(
    clips: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(module: str) -> Any:
        raise AssertionError(f"{module} was imported")

    make, words = REFUSED[name]
    path = make(clips)
    monkeypatch.setattr(importlib, "import_module", never)
    admitted, reason = verdict(path)
    assert not admitted and words in reason
    with pytest.raises(VideoError, match="decord must not read this clip"):
        open_source(path, backend="decord")


def test_an_admitted_clip_reads_the_same_at_random(clips: Any) -> None:
    pytest.importorskip("decord", exc_type=ImportError)
    # decord takes the length of a stored row over the width for the number of channels. Rows are padded, on processors
    # with AVX-512 to 128 bytes, so a width of 96 would look like four channels there.
    path = clips.make("a.mp4", range(40), size=(128, 64))
    assert verdict(path)[0]
    with open_source(path, backend="decord") as source, open_source(path) as truth:
        for index in (39, 0, 17, 18, 5):
            ours, theirs = source.read_at(index), truth.read_at(index)
            assert (ours.index, ours.pts, ours.time_base) == (theirs.index, theirs.pts, theirs.time_base)
            assert clips.number_in(ours.rgb) == index
            assert ours.rgb.flags.c_contiguous
        clips.assert_painted(list(source))
        with pytest.raises(VideoError, match="no frame 40"):
            source.read_at(40)


class WrongReader:
    """A decord that makes one mistake."""

    def __init__(self, path: Path, mistake: str) -> None:
        with open_source(path) as source:
            self.frames = [frame.rgb for frame in source]
            self.times = [frame.time for frame in AvSource(path)]
        if mistake == "count":
            self.frames.append(self.frames[-1])
        if mistake == "time":
            self.times[7] += 0.04
        self.shift = 1 if mistake == "picture" else 0
        self.crop = 2 if mistake == "size" else 0

    def __len__(self) -> int:
        return len(self.frames)

    def get_frame_timestamp(self, indices: range) -> np.ndarray:
        return np.array([[self.times[i], self.times[i] + 0.04] for i in indices])

    def __getitem__(self, index: int) -> Any:
        picture = self.frames[max(0, index - self.shift)][self.crop :]
        return type("Array", (), {"asnumpy": lambda _: picture})()


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("count", "decord counts 31 frames, PyAV 30"),
        ("time", "frame 7 is at 0.320 s for decord, at 0.280 s for PyAV"),
        ("picture", "the pixels of frame 29 differ"),
        ("size", "frame 29 has the shape"),
    ],
)
def test_any_disagreement_with_pyav_is_a_refusal(
    clips: Any, monkeypatch: pytest.MonkeyPatch, mistake: str, words: str
) -> None:
    path = clips.make("a.mp4", range(30))
    reader = WrongReader(path, mistake)
    fake = type("decord", (), {"VideoReader": lambda *_, **__: reader, "logging": _Quiet})
    monkeypatch.setitem(sys.modules, "decord", fake)
    admitted, reason = verdict(path)
    assert not admitted and words in reason


class _Quiet:
    QUIET = 0

    @staticmethod
    def set_level(_: int) -> None:
        """decord's own logging, which the fake has no use for."""


def test_everything_else_works_where_decord_cannot_be_imported(clips: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    path = clips.make("a.mp4", range(10))
    assert verdict(path) == (False, "decord is not installed")
    with open_source(path) as source:
        clips.assert_painted(list(source))
    with pytest.raises(VideoError, match="decord is not installed"):
        open_source(path, backend="decord")


def test_opening_a_video_does_not_import_decord(clips: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "decord", raising=False)
    original = builtins.__import__

    def watched(name: str, *args: Any, **kwargs: Any) -> Any:
        assert name != "decord"
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", watched)
    with open_source(clips.make("a.mp4", range(4), rate=Fraction(25))) as source:
        clips.assert_painted([source.read_at(2)], first=2)
    assert "decord" not in sys.modules
