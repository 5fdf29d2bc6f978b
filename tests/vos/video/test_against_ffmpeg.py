"""Counts, times and colours compared with FFmpeg's own programs, on made clips and on real ones where they are."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vos.video.test_frame_contract import KINDS
from vos.errors import VideoError
from vos.video import open_source
from vos.video.av_source import AvSource
from vos.video.decoder import Decoder
from vos.video.probe import probe_file

SHARED = Path(__file__).parents[4] / "shared" / "data" / "videos"
REAL_CLIPS = sorted(p.name for p in SHARED.glob("*.[mw]*") if p.suffix != ".md") if SHARED.is_dir() else []
# Clips with sharp changes of colour show how chroma is interpolated, which FFmpeg's versions do differently.
FLAT_COLOUR_CLIPS = [name for name in REAL_CLIPS if "10bit" not in name]

pytestmark = pytest.mark.needs_ffmpeg


def test_the_real_clips_are_there() -> None:
    if not REAL_CLIPS:
        pytest.skip("no ../shared/data/videos: only made clips are compared")
    assert len(REAL_CLIPS) >= 20


@pytest.mark.parametrize("name", REAL_CLIPS)
def test_a_real_clip_has_the_frames_and_times_of_ffprobe(name: str, clips: Any) -> None:
    path = SHARED / name
    if path.stat().st_size == 0:
        with pytest.raises(VideoError):
            open_source(path)
        return
    # Long clips are compared in full on request only: VOS_TEST_ALL_FRAMES=1.
    partly = path.stat().st_size > 400_000 and not os.environ.get("VOS_TEST_ALL_FRAMES")
    expected = clips.ffprobe_pts(path, packets=60 if partly else None)
    if partly:
        # Of the last few packets' frames some are missing: the frames before them in time come later in the file.
        expected = expected[:40]
    # Pictures are placed in time but not converted, which is what takes long.
    probe = probe_file(path)
    decoder = Decoder(path, probe, threads=False)
    timeline = probe.timeline()
    pictures = islice(decoder.pictures(), len(expected) if partly else None)
    times = [timeline.place(picture.pts, picture.dts) for picture in pictures]
    decoder.close()
    assert times == expected
    if probe.timetable is not None and probe.timetable.is_exact and decoder.failure is None:
        assert probe.timetable.pts[: len(expected)].tolist() == expected
        assert partly or probe.info.frame_count == len(expected)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_made_clip_has_the_frames_and_times_of_ffprobe(name: str, clips: Any) -> None:
    path = KINDS[name][0](clips)
    with open_source(path) as source:
        assert [frame.pts for frame in source] == clips.ffprobe_pts(path)


@pytest.mark.parametrize("name", FLAT_COLOUR_CLIPS)
def test_a_real_frame_has_the_colours_and_orientation_of_ffmpeg(name: str, clips: Any) -> None:
    path = SHARED / name
    if path.stat().st_size == 0:
        pytest.skip("an empty file")
    with open_source(path) as source:
        ours = source.read_at(2).rgb.astype(int)
    theirs = clips.ffmpeg_rgb(path, 2, ours.shape)
    # A turned picture is turned before conversion by FFmpeg and after it here: chroma lies half a pixel elsewhere.
    assert np.abs(ours - theirs).mean() < 1.5
    assert np.abs((ours - theirs).mean((0, 1))).max() < 0.5


def test_a_damaged_real_clip_gives_what_ffprobe_gives(clips: Any) -> None:
    path = SHARED / "decord_corrupted.mp4"
    if not path.exists():
        pytest.skip("no ../shared/data/videos/decord_corrupted.mp4")
    with open_source(path) as source:
        assert [frame.pts for frame in source] == clips.ffprobe_pts(path)
        assert source.truncation is not None and source.truncation.frame_index == 30


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("limited.mp4", {}),
        ("full.mp4", {"full_range": True}),
        ("444.mp4", {"pixel_format": "yuv444p"}),
        ("422.mkv", {"codec": "ffv1", "pixel_format": "yuv422p"}),
        ("ten-bit.mkv", {"codec": "ffv1", "pixel_format": "yuv444p10le"}),
        ("alpha.mov", {"codec": "qtrle", "pixel_format": "argb"}),
        ("709.mp4", {"options": {"x264-params": "colormatrix=bt709:colorprim=bt709:transfer=bt709"}}),
        ("2020.mp4", {"options": {"x264-params": "colormatrix=bt2020nc"}}),
        ("odd.mp4", {"pixel_format": "yuv444p", "size": (97, 65)}),
    ],
)
def test_every_matrix_range_and_layout_converts_as_ffmpeg_converts_it(
    clips: Any, name: str, options: dict[str, Any]
) -> None:
    path = clips.make(name, range(4), **options)
    with open_source(path) as source:
        ours = source.read_at(3).rgb
    theirs = clips.ffmpeg_rgb(path, 3, ours.shape)
    assert np.abs(ours.astype(int) - theirs).mean() < 1


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov"])
def test_edit_lists_end_where_ffprobe_says(clips: Any, name: str) -> None:
    path = clips.cut(name)
    with open_source(path) as source:
        assert [frame.pts for frame in source] == clips.ffprobe_pts(path)


def test_pts_table_equals_iteration_and_ffprobe(clips: Any) -> None:
    path = clips.make("a.ts", range(50), options={"x264-params": "open-gop=1"})
    with AvSource(path) as source:
        assert source.pts_table().tolist() == [frame.pts for frame in source] == clips.ffprobe_pts(path)
