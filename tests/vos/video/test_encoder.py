"""Written videos keep times, colours and sound, and are complete or absent."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vos.errors import OutputError, UsageError
from vos.video import VideoEncoder, open_source
from vos.video import codecs as codec_table

TICKS = Fraction(1, 90_000)
RATE = Fraction(25)
UNEVEN = (np.cumsum([3000, 3003, 1500, 9000, 4504] * 6) + 132_300).tolist()


def write(path: Path, clips: Any, pts: list[int], time_base: Fraction = TICKS, **options: Any) -> Path:
    options.setdefault("average_rate", RATE)
    with VideoEncoder(path, width=96, height=64, time_base=time_base, **options) as encoder:
        for number, time in enumerate(pts):
            encoder.write(clips.paint(number), time)
    return path


@pytest.mark.parametrize("extension", ["mp4", "mov"])
@pytest.mark.parametrize("time_base", [TICKS, Fraction(1, 1000), Fraction(1, 24), Fraction(1001, 30000)])
def test_times_of_a_variable_rate_source_survive_exactly(
    clips: Any, tmp_path: Path, extension: str, time_base: Fraction
) -> None:
    path = write(tmp_path / f"out.{extension}", clips, UNEVEN, time_base)
    with open_source(path) as source:
        frames = list(source)
    clips.assert_painted(frames)
    assert [frame.pts * frame.time_base for frame in frames] == [pts * time_base for pts in UNEVEN]


def test_times_before_zero_are_shifted_and_that_is_noted(clips: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoEncoder(path, width=96, height=64, time_base=Fraction(1, 25)) as encoder:
        for number in range(10):
            encoder.write(clips.paint(number), number - 3)
    assert "shifted to 0" in encoder.notes[0]
    with open_source(path) as source:
        frames = list(source)
    clips.assert_painted(frames)
    assert [frame.time for frame in frames] == pytest.approx([i / 25 for i in range(10)])


def test_two_runs_give_the_same_bytes(clips: Any, tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, clips, UNEVEN) for name in ("one.mp4", "two.mp4"))
    assert one.read_bytes() == two.read_bytes()


def test_colours_come_back(tmp_path: Path) -> None:
    colours = [(255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40)]
    path = tmp_path / "out.mp4"
    with VideoEncoder(path, width=64, height=48, time_base=Fraction(1, 25), crf=1) as encoder:
        for number, colour in enumerate(colours):
            encoder.write(np.full((48, 64, 3), colour, np.uint8), number)
    with open_source(path) as source:
        assert (source.info.color_matrix, source.info.color_range) == ("bt709", "limited")
        for frame, colour in zip(source, colours, strict=True):
            assert frame.rgb.mean((0, 1)) == pytest.approx(colour, abs=4)


def test_odd_sizes_are_padded_at_the_right_and_bottom(tmp_path: Path) -> None:
    image = np.full((35, 51, 3), (250, 200, 150), np.uint8)
    path = tmp_path / "odd.mp4"
    with VideoEncoder(path, width=51, height=35, time_base=Fraction(1, 25), crf=1) as encoder:
        encoder.write(image, 0)
    with open_source(path) as source:
        (frame,) = source
    assert frame.rgb.shape == (36, 52, 3)
    assert np.abs(frame.rgb.astype(int) - image[0, 0]).max() <= 4


def test_a_lossless_codec_gives_equal_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 33, 45, 3), dtype=np.uint8)
    path = tmp_path / "out.mkv"
    with VideoEncoder(path, width=45, height=33, time_base=Fraction(1, 1000), codec="ffv1") as encoder:
        for number, image in enumerate(images):
            encoder.write(image, number * 40)
    with open_source(path) as source:
        assert np.array_equal([frame.rgb for frame in source], images)


def _with_sound(clips: Any, path: Path, *, codec: str = "aac", seconds: int = 2) -> Path:
    """A 25 fps clip with a tone as long as its pictures."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"threads": "1", "bf": "2"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream(codec, rate=48_000, layout="mono")
        for number in range(seconds * 25):
            frame = av.VideoFrame.from_ndarray(clips.paint(number), format="rgb24")
            container.mux(video.encode(frame.reformat(format="yuv420p")))
        container.mux(video.encode(None))
        tone = (0.2 * np.sin(np.arange(seconds * 48_000) / 20)).astype(np.float32)
        resampler = av.AudioResampler(format=audio.codec_context.format, layout="mono", rate=48_000)
        for start in range(0, len(tone), 1024):
            block = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts = 48_000, start
            for ready in resampler.resample(block):
                container.mux(audio.encode(ready))
        container.mux(audio.encode(None))
    return path


def audio_packets(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        return [(float(p.pts * p.time_base), bytes(p)) for p in container.demux(container.streams.audio[0]) if p.size]


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_sound_is_copied_byte_for_byte_and_in_time(clips: Any, tmp_path: Path, extension: str) -> None:
    source_path = _with_sound(clips, tmp_path / "in.mp4")
    path = tmp_path / f"out.{extension}"
    with (
        open_source(source_path) as source,
        VideoEncoder(
            path,
            width=96,
            height=64,
            time_base=source.info.time_base,
            average_rate=Fraction(25),
            audio_from=source_path,
        ) as encoder,
    ):
        for frame in source:
            encoder.write(frame.rgb, frame.pts)
    before, after = audio_packets(source_path), audio_packets(path)
    if extension == "mkv":
        # Matroska has no times before zero, where AAC starts: that packet is left out, nothing else moves.
        before = [packet for packet in before if packet[0] >= 0]
    assert len(before) - 2 <= len(after) <= len(before)
    assert [data for _, data in after] == [data for _, data in before[: len(after)]]
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before[: len(after)]], abs=0.0011)
    with open_source(path) as written:
        assert [frame.time for frame in written] == pytest.approx([i / 25 for i in range(50)], abs=0.0006)


def test_sound_ends_with_a_video_that_stops_early(clips: Any, tmp_path: Path) -> None:
    source_path = _with_sound(clips, tmp_path / "in.mp4")
    path = write(tmp_path / "out.mp4", clips, list(range(10)), Fraction(1, 25), audio_from=source_path)
    assert audio_packets(path)[-1][0] < 0.4 <= audio_packets(path)[-1][0] + 0.03


@pytest.mark.parametrize(("extension", "fits"), [("mp4", False), ("mov", True), ("mkv", True)])
def test_sound_that_does_not_fit_the_container_is_left_out_with_a_note(
    clips: Any, tmp_path: Path, extension: str, fits: bool
) -> None:
    source_path = _with_sound(clips, tmp_path / "in.mkv", codec="pcm_s16le")
    path = tmp_path / f"out.{extension}"
    with VideoEncoder(path, width=96, height=64, time_base=Fraction(1, 25), audio_from=source_path) as encoder:
        for number in range(25):
            encoder.write(clips.paint(number), number)
    left_out = ["pcm_s16le" in note and "left out" in note for note in encoder.notes]
    assert left_out == ([] if fits else [True])
    with open_source(path) as source:
        assert source.info.has_audio == fits
        clips.assert_painted(list(source))


def test_a_source_without_sound_gives_a_silent_video(clips: Any, tmp_path: Path) -> None:
    silent = clips.make("silent.mp4", range(5))
    path = write(tmp_path / "out.mp4", clips, [0, 1, 2], Fraction(1, 25), audio_from=silent)
    with open_source(path) as source:
        assert not source.info.has_audio


def test_nothing_appears_under_the_final_name_before_it_is_complete(clips: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with (
        pytest.raises(RuntimeError, match="stop"),
        VideoEncoder(path, width=96, height=64, time_base=Fraction(1, 25)) as encoder,
    ):
        encoder.write(clips.paint(0), 0)
        assert not path.exists()
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(clips: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        write(path, clips, [0, 1])
    assert path.read_bytes() == b"precious"
    with (
        pytest.raises(RuntimeError),
        VideoEncoder(path, width=96, height=64, time_base=TICKS, overwrite=True) as encoder,
    ):
        encoder.write(clips.paint(0), 0)
        raise RuntimeError
    assert path.read_bytes() == b"precious"
    write(path, clips, [0, 3600], overwrite=True)
    with open_source(path) as source:
        assert source.info.frame_count == 2


def test_a_video_without_frames_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="no frame was written"),
        VideoEncoder(tmp_path / "out.mp4", width=96, height=64, time_base=TICKS),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_places_and_names_that_cannot_be_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def attempt(name: str, **options: Any) -> None:
        VideoEncoder(tmp_path / name, width=96, height=64, time_base=TICKS, **options)

    with pytest.raises(OutputError, match="cannot be written"):
        attempt("no/such/folder/out.mp4")
    with pytest.raises(UsageError, match=r"cannot be written to a file named \*\.avi; use \.mp4"):
        attempt("out.avi")
    with pytest.raises(UsageError, match="a crf of 52"):
        attempt("out.mp4", crf=52)
    with pytest.raises(UsageError, match="'mpeg9' is not one of h264"):
        attempt("out.mp4", codec="mpeg9")
    monkeypatch.setattr(codec_table.av, "codecs_available", set())
    with pytest.raises(OutputError, match="cannot write h264"):
        attempt("out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_stops_writing_and_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with (
            pytest.raises(OutputError, match=r"out\.mkv: (writing failed|cannot be completed)"),
            VideoEncoder(tmp_path / "out.mkv", width=320, height=240, time_base=TICKS, codec="ffv1") as encoder,
        ):
            for number in range(20):
                encoder.write(noise, number)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_are_refused(clips: Any, tmp_path: Path) -> None:
    with VideoEncoder(tmp_path / "out.mp4", width=96, height=64, time_base=TICKS) as encoder:
        encoder.write(clips.paint(0), 5)
        with pytest.raises(ValueError, match="pts must increase: 5 comes after 5"):
            encoder.write(clips.paint(1), 5)
        with pytest.raises(ValueError, match="of shape"):
            encoder.write(np.zeros((64, 95, 3), np.uint8), 6)
        with pytest.raises(ValueError, match="of shape"):
            encoder.write(np.zeros((64, 96, 3), np.float32), 6)
        encoder.write(clips.paint(1), 6)
    with pytest.raises(ValueError, match="closed"):
        encoder.write(clips.paint(2), 7)
