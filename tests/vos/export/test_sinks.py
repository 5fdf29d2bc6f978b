"""The overlay video, the contact sheet, and writing in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.vos.export.synthetic_run import feed, info, run
from vos.errors import OutputError
from vos.export import FORMATS, BackgroundSink, ContactSheetSink, OverlaySink, PalettePngSink, make_sink
from vos.export.sink import MaskSink
from vos.files.palette import paint_overlay
from vos.results import FrameResult
from vos.video import Frame, VideoInfo, open_source
from vos.video.sampling import spread_frames


def test_the_overlay_has_the_frames_and_times_of_its_source(tmp_path: Path) -> None:
    frames = run(count=8, width=64, height=48)
    feed(OverlaySink(tmp_path / "overlay.mp4"), frames, 64, 48)
    with open_source(tmp_path / "overlay.mp4") as source:
        written = list(source)
    assert [frame.time for frame in written] == pytest.approx([frame.time for frame, _ in frames], abs=1e-6)
    for frame, (original, result) in zip(written, frames, strict=True):
        # Noise is the worst picture for a codec; still the painted one is far closer than the bare one.
        painted = paint_overlay(original.rgb, result.labels).astype(float)
        if result.labels.any():
            assert np.abs(frame.rgb - painted).mean() < 0.6 * np.abs(frame.rgb - original.rgb.astype(float)).mean()


def test_an_aborted_overlay_leaves_nothing(tmp_path: Path) -> None:
    sink = OverlaySink(tmp_path / "overlay.mp4")
    sink.open(info())
    sink.write(*run()[0])
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_the_contact_sheet_shows_the_chosen_frames_in_a_grid(tmp_path: Path) -> None:
    frames = run(count=8, width=96, height=64)
    for name in ("a.png", "b.png"):
        feed(ContactSheetSink(tmp_path / name, (0, 3, 5, 7)), frames, 96, 64)
    with Image.open(tmp_path / "a.png") as image:
        sheet = np.asarray(image)
    assert sheet.shape == (2 * 64, 3 * 96, 3), "four tiles in rows of three"
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    # Below the caption a tile is the painted frame.
    frame, result = frames[3]
    expected = paint_overlay(frame.rgb, result.labels)
    assert np.array_equal(sheet[40:64, 96:192], expected[40:])
    assert not np.array_equal(sheet[:20, 96:192], expected[:20]), "the caption is there"
    assert (sheet[64:, 96:] == 255).all(), "an incomplete row is filled with white"


def test_a_contact_sheet_of_unknown_length_is_spread_over_the_video(tmp_path: Path) -> None:
    sink = ContactSheetSink(tmp_path / "sheet.png")
    sink.open(info(16, 8, None))
    frames = run(count=100, width=16, height=8)
    kept = []
    for frame, result in frames:
        sink.write(frame, result)
        kept.append(len(sink._tiles))
    sink.close()
    assert max(kept) <= 12
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size == (3 * 16, 2 * 8)


def test_spread_frames_hold_the_first_and_the_last() -> None:
    assert spread_frames(132, 6) == (0, 26, 52, 79, 105, 131)
    assert spread_frames(3, 6) == (0, 1, 2)
    assert spread_frames(1, 6) == (0,)


class Recorder(MaskSink):
    """A sink that notes what happens to it, and fails where it is told to."""

    def __init__(self, fail_at: int | str | None = None) -> None:
        self.fail_at = fail_at
        self.calls: list[str] = []
        self.threads: set[int] = set()

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if call == self.fail_at:
            raise OutputError("disk full")

    def open(self, info: VideoInfo) -> None:
        self._note("open")

    def write(self, frame: Frame, result: FrameResult) -> None:
        self.threads.add(threading.get_ident())
        self._note(f"write {result.index}")

    def close(self) -> None:
        self._note("close")

    def abort(self) -> None:
        self._note("abort")


def test_background_writing_keeps_the_order_and_leaves_the_callers_thread() -> None:
    sinks = [Recorder(), Recorder()]
    feed(BackgroundSink(list(sinks), depth=2), run(count=20))
    for sink in sinks:
        assert sink.calls == ["open", *(f"write {i}" for i in range(20)), "close"]
        assert sink.threads and threading.get_ident() not in sink.threads


def test_an_error_in_the_background_reaches_the_caller_and_stops_the_writing() -> None:
    good, bad = Recorder(), Recorder(fail_at="write 3")
    sink = BackgroundSink([good, bad], depth=1)
    sink.open(info())
    with pytest.raises(OutputError, match="disk full"):
        for frame, result in run(count=50):
            sink.write(frame, result)
    sink.abort()
    assert bad.calls == ["open", "write 0", "write 1", "write 2", "write 3", "abort"]
    assert good.calls[-2:] == ["write 3", "abort"]


def test_an_error_in_the_last_frame_is_raised_by_close() -> None:
    bad = Recorder(fail_at="write 4")
    sink = BackgroundSink([bad], depth=10)
    sink.open(info())
    for frame, result in run(count=4):
        sink.write(frame, result)
    frame, result = run(count=5)[4]
    sink.write(frame, result)
    with pytest.raises(OutputError, match="disk full"):
        sink.close()
    assert "close" not in bad.calls


def test_sinks_that_are_open_are_aborted_when_a_later_one_cannot_open() -> None:
    first, second = Recorder(), Recorder(fail_at="open")
    with pytest.raises(OutputError):
        BackgroundSink([first, second]).open(info())
    assert first.calls == ["open", "abort"]


@pytest.mark.parametrize("make", [lambda p: PalettePngSink(p), lambda p: OverlaySink(p / "o.mp4")])
def test_background_writing_gives_the_same_files(make: Callable, tmp_path: Path) -> None:
    folders = tmp_path / "direct", tmp_path / "background"
    for folder in folders:
        folder.mkdir()
    feed(make(folders[0]), run())
    feed(BackgroundSink([make(folders[1])]), run())
    first, second = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
    assert first == second
    assert first


@pytest.mark.parametrize("name", FORMATS)
def test_a_with_statement_completes_a_sink_and_aborts_it_after_an_exception(name: str, tmp_path: Path) -> None:
    frames = run(count=3, width=64, height=48)
    done, failed = tmp_path / "done", tmp_path / "failed"
    with make_sink(name, str(done)).opened(info(64, 48, 3)) as sink:
        for frame, result in frames:
            sink.write(frame, result)
    assert (done / FORMATS[name].place).exists()
    with pytest.raises(KeyError), make_sink(name, failed).opened(info(64, 48, 3)) as sink:
        sink.write(*frames[0])
        raise KeyError
    if not FORMATS[name].is_folder:
        assert not any(failed.iterdir())
