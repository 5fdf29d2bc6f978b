"""Every displayed frame, once, in order, with its source's time: for each kind of clip that is known to go wrong."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vos.errors import VideoError
from vos.video import open_source
from vos.video.timeline import Timeline

MS = Fraction(1, 1000)
TICKS = Fraction(1, 90_000)
IRREGULAR = (np.cumsum([40, 33, 34, 100, 20, 20, 250, 33] * 4) - 40).tolist()
HIDDEN_PICTURES = {"lag-in-frames": "16", "auto-alt-ref": "1", "deadline": "realtime", "cpu-used": "4"}
QUIET_X265 = {"x265-params": "log-level=none"}

# What a clip is -> (how it is made, times of its frames in seconds).
KINDS: dict[str, tuple[Callable[[Any], Path], list[Fraction]]] = {}


def kind(name: str, times: list[Fraction]) -> Callable[[Callable[[Any], Path]], Callable[[Any], Path]]:
    def register(make: Callable[[Any], Path]) -> Callable[[Any], Path]:
        KINDS[name] = (make, times)
        return make

    return register


def at_25(count: int, start: Fraction = Fraction(0)) -> list[Fraction]:
    return [start + Fraction(i, 25) for i in range(count)]


def simple(name: str, filename: str, count: int = 30, **options: Any) -> None:
    KINDS[name] = (lambda clips: clips.make(filename, range(count), **options), at_25(count))


simple("mp4 with B-frames", "a.mp4")
simple("mkv", "a.mkv")
simple("HEVC in mp4", "a.mp4", codec="libx265", options=QUIET_X265)
simple("10-bit HEVC", "a.mkv", codec="libx265", pixel_format="yuv420p10le", options=QUIET_X265)
simple("full range", "a.mp4", full_range=True)
simple("VP8 with hidden reference pictures", "a.webm", 60, codec="libvpx", options=HIDDEN_PICTURES)
simple("VP9", "a.webm", codec="libvpx-vp9", options={"lag-in-frames": "16", "cpu-used": "8"})
simple(
    "webm without duration", "a.webm", codec="libvpx-vp9", options={"cpu-used": "8"}, container_options={"live": "1"}
)
simple("AV1", "a.mkv", codec="libsvtav1", options={"preset": "12", "crf": "10", "svtav1-params": "lp=1"})
simple("fragmented mp4", "a.mp4", container_options={"movflags": "frag_keyframe+empty_moov+delay_moov"})
simple("odd size", "a.mp4", size=(97, 65), pixel_format="yuv444p")
simple("animated GIF", "a.gif", codec="gif", pixel_format="rgb8")
simple("alpha channel", "a.mov", codec="qtrle", pixel_format="argb")
simple("MPEG-2 with B-frames", "a.mkv", codec="mpeg2video", options={"bf": "2", "g": "12", "q": "2"})
simple("interlaced MPEG-2", "a.mkv", codec="mpeg2video", options={"flags": "+ildct+ilme", "bf": "2", "q": "2"})
simple("12-bit 4:2:2", "a.mkv", codec="libx265", pixel_format="yuv422p12le", options=QUIET_X265)
simple("monochrome", "a.mkv", codec="ffv1", pixel_format="gray16le")
simple("VP9 with alpha", "a.webm", codec="libvpx-vp9", pixel_format="yuva420p", options={"cpu-used": "8"})
simple("Flash video", "a.flv", codec="flv", options={"q": "2"})
simple("MJPEG", "a.mov", codec="mjpeg", pixel_format="yuvj420p", options={"q": "2"})
simple("MXF", "a.mxf", codec="mpeg2video", pixel_format="yuv422p", options={"q": "2"})
simple("ProRes 4444", "a.mov", codec="prores_ks", pixel_format="yuva444p10le")
simple("one frame", "a.mp4", 1)
simple("a fragment per frame", "a.mp4", container_options={"movflags": "frag_every_frame+empty_moov+delay_moov"})
simple("negative composition offsets", "a.mp4", container_options={"movflags": "negative_cts_offsets"})


@kind("MPEG-TS whose clock wraps around", at_25(40, Fraction(2**33 - 3600 * 10, 90_000) - Fraction(2**33, 90_000)))
def _wrapping(clips: Any) -> Path:
    return clips.make("wrap.ts", [2**33 - 3600 * 10 + 3600 * i for i in range(40)], time_base=TICKS)


@kind("an empty edit first", at_25(30, Fraction(3, 2)))
def _late(clips: Any) -> Path:
    return clips.make("late.mp4", [19_200 + 512 * i for i in range(30)], time_base=Fraction(1, 12800))


@kind("variable rate", [Fraction(t, 1000) for t in IRREGULAR])
def _variable(clips: Any) -> Path:
    return clips.make("vfr.mp4", IRREGULAR, time_base=MS)


@kind("MPEG-TS that starts late", at_25(40, Fraction(147, 100)))
def _transport(clips: Any) -> Path:
    return clips.make("late.ts", [132_300 + 3600 * i for i in range(40)], time_base=TICKS)


@kind("open groups of pictures", at_25(60, Fraction(1)))
def _open_groups(clips: Any) -> Path:
    times = [90_000 + 3600 * i for i in range(60)]
    return clips.make("open.ts", times, time_base=TICKS, options={"x264-params": "open-gop=1"})


@kind("no key frame but the first", at_25(60, Fraction(1)))
def _intra_refresh(clips: Any) -> Path:
    times = [90_000 + 3600 * i for i in range(60)]
    return clips.make("refresh.ts", times, time_base=TICKS, options={"intra-refresh": "1"})


@pytest.fixture(params=list(KINDS))
def made(request: pytest.FixtureRequest, clips: Any) -> tuple[Path, list[Fraction]]:
    make, times = KINDS[request.param]
    return make(clips), times


def test_every_displayed_frame_comes_once_with_its_own_time(made: tuple[Path, list[Fraction]], clips: Any) -> None:
    path, times = made
    with open_source(path) as source:
        frames = list(source)
        assert source.truncation is None
    clips.assert_painted(frames)
    assert [frame.pts * frame.time_base for frame in frames] == times
    assert [frame.index for frame in frames] == list(range(len(times)))
    for frame in frames:
        assert frame.rgb.flags.c_contiguous and frame.rgb.dtype == np.uint8
        assert frame.rgb.shape == (source.info.height, source.info.width, 3)


def test_frame_count_is_known_before_decoding(made: tuple[Path, list[Fraction]]) -> None:
    path, times = made
    with open_source(path) as source:
        assert source.info.frame_count == len(times)


def test_reading_at_random_gives_the_frames_of_reading_in_order(made: tuple[Path, list[Fraction]]) -> None:
    path, times = made
    with open_source(path) as source:
        frames = list(source)
        order = np.random.default_rng(0).permutation(len(times))[:12].tolist()
        for index in [len(times) - 1, 0, *order]:
            frame = source.read_at(index)
            assert (frame.index, frame.pts) == (index, frames[index].pts)
            assert np.array_equal(frame.rgb, frames[index].rgb)


def test_neighbours_read_one_after_the_other_are_right(clips: Any) -> None:
    with open_source(clips.make("a.mp4", range(40))) as source:
        clips.assert_painted([source.read_at(index) for index in range(10, 25)], first=10)


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov"])
def test_frames_before_an_edit_lists_start_are_not_delivered(clips: Any, name: str) -> None:
    with open_source(clips.cut(name, length=48, hidden=5)) as source:
        assert (source.info.frame_count, source.info.hidden_frames) == (31, 5)
        frames = list(source)
        clips.assert_painted(frames, first=17)
        assert [frame.time for frame in frames] == pytest.approx([i / 25 for i in range(31)])
        assert clips.number_in(source.read_at(3).rgb) == 20


@pytest.mark.parametrize(("first", "count"), [(0, 25), (7, 20), (30, 25)])
def test_an_edit_list_can_end_early_too(clips: Any, first: int, count: int) -> None:
    path = clips.set_edit(clips.make("trimmed.mp4", range(60)), first_frame=first, frames=count)
    with open_source(path) as source:
        assert (source.info.frame_count, source.info.hidden_frames) == (count, 60 - count)
        frames = list(source)
        clips.assert_painted(frames, first=first)
        assert len(frames) == count and source.truncation is None
        assert np.array_equal(source.read_at(count - 1).rgb, frames[-1].rgb)


def test_a_cut_in_the_middle_of_a_group_starts_at_its_first_decodable_frame(clips: Any, tmp_path: Path) -> None:
    data = clips.make("whole.ts", range(60)).read_bytes()
    path = tmp_path / "joined-late.ts"
    path.write_bytes(data[len(data) // 3 // 188 * 188 :])
    with open_source(path) as source:
        assert source.info.frame_count is None
        frames = list(source)
        clips.assert_painted(frames, first=60 - len(frames))
        assert source.info.frame_count == len(frames) > 20
        assert np.array_equal(source.read_at(5).rgb, frames[5].rgb)


def test_only_a_clip_with_uneven_times_is_called_variable(clips: Any) -> None:
    with open_source(clips.make("vfr.mp4", IRREGULAR, time_base=MS)) as source:
        assert source.info.is_vfr
    # 30 frames per second in milliseconds: 33, 33, 34, ...
    rounded = [round(i * 1000 / 30) for i in range(30)]
    with open_source(clips.make("rounded.mkv", rounded, time_base=MS)) as source:
        assert not source.info.is_vfr


@pytest.mark.parametrize(
    ("name", "options"),
    [("no-times.h264", {"container_format": "h264"}), ("no-pts.avi", {}), ("packed.avi", {"codec": "mpeg4"})],
)
def test_missing_times_are_replaced_by_even_ones_and_noted(clips: Any, name: str, options: dict[str, Any]) -> None:
    with open_source(clips.make(name, range(30), **options)) as source:
        frames = list(source)
        steps = np.diff([frame.time for frame in frames])
        assert steps == pytest.approx([1 / 25] * 29)
        assert any("timestamps" in note for note in source.info.notes)
        clips.assert_painted(frames)
        clips.assert_painted([source.read_at(7)], first=7)


def test_times_that_run_backwards_are_replaced_and_later_good_ones_kept() -> None:
    timeline = Timeline(10)
    raw = [0, 10, 5, None, 40, 40, 60]
    assert [timeline.place(pts, None) for pts in raw] == [0, 10, 20, 30, 40, 50, 60]
    assert (timeline.repaired, timeline.first_repaired) == (3, 2)


def test_the_first_of_several_video_streams_is_read_unless_another_is_asked_for(clips: Any, tmp_path: Path) -> None:
    first, second = clips.make("one.mp4", range(10)), clips.make("two.mp4", range(20), size=(128, 80))
    path = tmp_path / "both.mkv"
    with av.open(str(path), "w") as writer, av.open(str(first)) as a, av.open(str(second)) as b:
        readers = [(r, writer.add_stream_from_template(r.streams.video[0])) for r in (a, b)]
        for reader, stream in readers:
            for packet in reader.demux(reader.streams.video[0]):
                if packet.size:
                    packet.stream = stream
                    writer.mux(packet)
    with open_source(path) as source:
        assert (source.info.width, source.info.video_stream_count) == (96, 2)
        assert len(list(source)) == 10
    with open_source(path, stream=1) as source:
        assert source.info.width == 128
        clips.assert_painted(list(source))
        assert len(list(source)) == 20
    with pytest.raises(VideoError, match=r"no video stream 2; it has 2"):
        open_source(path, stream=2)


def test_one_pixel_is_a_video_too(clips: Any) -> None:
    path = clips.folder / "dot.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width = stream.height = 1
        stream.pix_fmt = "bgr0"
        frame = av.VideoFrame.from_ndarray(np.full((1, 1, 3), (10, 20, 30), np.uint8), format="rgb24")
        container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    with open_source(path) as source:
        (only,) = source
    assert only.rgb.tolist() == [[[10, 20, 30]]]


def test_iterating_again_starts_again(clips: Any) -> None:
    with open_source(clips.make("a.mp4", range(10))) as source:
        clips.assert_painted(list(source))
        one, two = iter(source), iter(source)
        clips.assert_painted([next(one), next(one)])
        clips.assert_painted([next(two)])


def test_a_frame_that_does_not_exist_is_named(clips: Any) -> None:
    with open_source(clips.make("a.mp4", range(10))) as source:
        for index in (10, -1):
            with pytest.raises(VideoError, match=rf"no frame {index}; the video has frames 0 to 9"):
                source.read_at(index)


@pytest.mark.parametrize(("color_range", "expected"), [(1, [0, 130, 255]), (2, [16, 128, 235])])
def test_limited_and_full_range_are_told_apart(clips: Any, color_range: int, expected: list[int]) -> None:
    path = clips.folder / "range.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.color_range = color_range
        for luma in (16, 128, 235):
            planes = np.full((48, 32), 128, np.uint8)
            planes[:32] = luma
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.color_range = color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_source(path) as source:
        assert (source.info.color_range == "full") == (color_range == 2)
        assert [int(frame.rgb.mean()) for frame in source] == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(("matrix", "colour"), [("bt709", (253, 0, 0)), ("smpte170m", (233, 0, 2))])
def test_the_streams_own_matrix_makes_its_colours(clips: Any, matrix: str, colour: tuple[int, ...]) -> None:
    # The YCbCr values of pure red by BT.709; read by BT.601 they are another red.
    path = clips.folder / "matrix.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0", "x264-params": f"colormatrix={matrix}"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        planes = np.concatenate([np.full(32 * 32, 63), np.full(16 * 16, 102), np.full(16 * 16, 240)]).astype(np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(planes.reshape(48, 32), format="yuv420p")))
        container.mux(stream.encode(None))
    with open_source(path) as source:
        assert source.info.color_matrix == matrix
        assert source.read_at(0).rgb.mean((0, 1)) == pytest.approx(colour, abs=3)
