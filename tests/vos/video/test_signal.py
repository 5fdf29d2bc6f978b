"""Pixel aspect ratio, colour tags and timecode go from a source into the videos that are made of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vos.cli.doctor import examine
from vos.cli.main import main
from vos.export import AlphaVideoSink, OverlaySink
from vos.results import FrameResult
from vos.runs.convert import convert_run
from vos.video import open_source
from vos.video.signal import signal_of

HLG, BT2020 = 18, 9


def clip(path: Path, *, hlg: bool = False, aspect: str | None = None, timecode: str | None = None) -> Path:
    """Six frames of 64x48 at 24 per second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if hlg:
            stream.codec_context.colorspace = BT2020
            stream.codec_context.color_primaries, stream.codec_context.color_trc = BT2020, HLG
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if timecode is not None:
            stream.metadata["timecode"] = timecode
        for index in range(6):
            rows, columns = np.mgrid[0:48, 0:64]
            rgb = np.dstack([rows * 5, columns * 3, np.full_like(rows, 20 * index)]).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            if hlg:
                frame.colorspace, frame.color_primaries, frame.color_trc = BT2020, BT2020, HLG
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def exported(source: Path, sink: Any) -> None:
    labels = np.zeros((48, 64), np.uint16)
    labels[10:30, 10:40] = 1
    with open_source(source) as frames, sink.opened(frames.info):
        for frame in frames:
            sink.write(frame, FrameResult(frame.index, frame.pts, frame.time_base, labels, (1,), (0.9,)))


def tags_of(path: Path) -> tuple[int, int, Fraction | None, str | None]:
    """(primaries, transfer, pixel aspect ratio, timecode)."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        timecode = stream.metadata.get("timecode")
        aspect = stream.sample_aspect_ratio
        return int(frame.color_primaries), int(frame.color_trc), aspect, timecode


@pytest.fixture
def sinks(tmp_path: Path) -> dict[str, Any]:
    return {
        "overlay.mp4": OverlaySink(tmp_path / "overlay.mp4"),
        "alpha.mov": AlphaVideoSink(tmp_path / "alpha.mov", codec="prores4444"),
        "alpha.webm": AlphaVideoSink(tmp_path / "alpha.webm", codec="vp9_alpha"),
    }


def test_hdr_keeps_its_tags_and_is_named(tmp_path: Path, sinks: dict[str, Any], capsys: Any) -> None:
    source = clip(tmp_path / "in.mp4", hlg=True)
    for name, sink in sinks.items():
        exported(source, sink)
        assert tags_of(tmp_path / name)[:2] == (BT2020, HLG), name
    info = examine(str(source)).info
    assert (info.color_primaries, info.color_transfer) == ("bt2020", "arib-std-b67")
    assert info.notes == (
        "high dynamic range (HLG, bt2020): frames are read without tone mapping; videos made of them keep these tags",
    )
    with pytest.raises(SystemExit):
        main(["doctor", str(source)])
    assert "(HDR, HLG)" in " ".join(capsys.readouterr().out.split())


def test_an_ordinary_source_is_tagged_bt709(tmp_path: Path, sinks: dict[str, Any]) -> None:
    source = clip(tmp_path / "in.mp4")
    for name, sink in sinks.items():
        exported(source, sink)
        assert tags_of(tmp_path / name)[:2] == (1, 1), name


def test_pixels_that_are_not_square_stay_so(tmp_path: Path, sinks: dict[str, Any]) -> None:
    source = clip(tmp_path / "in.mp4", aspect="16/11")
    for name, sink in sinks.items():
        exported(source, sink)
        if name == "alpha.webm":
            # Stretched instead, and said.
            with av.open(str(tmp_path / name)) as container:
                assert (container.streams.video[0].width, container.streams.video[0].height) == (93, 48)
            assert sink.notes == ["alpha.webm: pixels are not square (16/11): stretched to 93x48"]
        else:
            assert tags_of(tmp_path / name)[2] == Fraction(16, 11), name


def test_a_quarter_turn_exchanges_the_sides_of_a_pixel(tmp_path: Path) -> None:
    from dataclasses import replace

    info = replace(open_source(clip(tmp_path / "in.mp4", aspect="16/11")).info, rotation=90)
    assert signal_of(info).sample_aspect_ratio == Fraction(11, 16)


def test_the_timecode_goes_into_mov(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mov", timecode="01:00:00:00")
    exported(source, AlphaVideoSink(tmp_path / "alpha.mov", codec="prores4444"))
    assert tags_of(tmp_path / "alpha.mov")[3] == "01:00:00:00"
    with open_source(source) as frames:
        assert signal_of(frames.info).timecode == "01:00:00:00"


def test_videos_converted_from_a_run_have_the_tags_too(tmp_path: Path) -> None:
    from tests.vos.runs.finished_runs import write_run

    source = clip(tmp_path / "in.mov", hlg=True, aspect="16/11", timecode="01:00:00:00")
    labels = np.zeros((48, 64), np.uint16)
    labels[10:30, 10:40] = 1
    run = write_run(tmp_path / "run", source, [labels] * 6, ids=(1,))
    convert_run(run, ["prores", "overlay-mov"])
    for name in ("alpha.mov", "overlay.mov"):
        assert tags_of(run / name) == (BT2020, HLG, Fraction(16, 11), "01:00:00:00"), name


def test_pcm_sound_stays_in_an_overlay_that_can_hold_it(tmp_path: Path) -> None:
    from tests.vos.runs.finished_runs import write_run

    source = tmp_path / "in.mov"
    silent = clip(tmp_path / "silent.mov")
    with av.open(str(silent)) as pictures, av.open(str(source), "w") as container:
        video = container.add_stream_from_template(pictures.streams.video[0])
        audio = container.add_stream("pcm_s16le", rate=8000)
        for packet in pictures.demux(video=0):
            if packet.size:
                packet.stream = video
                container.mux(packet)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 2000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    labels = np.zeros((48, 64), np.uint16)
    labels[10:30, 10:40] = 1
    run = write_run(tmp_path / "run", source, [labels] * 6, ids=(1,))
    done = convert_run(run, ["overlay", "overlay-mkv", "overlay-mov"])
    (note,) = done.notes
    assert "cannot be copied into mp4" in note
    assert "vos convert RUN --to overlay-mkv" in note
    for name, expected in (("overlay.mp4", 0), ("overlay.mkv", 1), ("overlay.mov", 1)):
        with av.open(str(run / name)) as container:
            assert len(container.streams.audio) == expected, name
