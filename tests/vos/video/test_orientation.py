"""Pictures are upright whatever the display matrix says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from vos.video import open_source
from vos.video.orientation import orientation_from_matrix, orientation_from_turn

# Matrix terms a b c d -> (rotation clockwise, mirrored, which stored corner is shown top left and top right).
MATRICES = {
    (1, 0, 0, 1): (0, False, "top left", "top right"),
    (0, 1, -1, 0): (90, False, "bottom left", "top left"),
    (-1, 0, 0, -1): (180, False, "bottom right", "bottom left"),
    (0, -1, 1, 0): (270, False, "top right", "bottom right"),
    (-1, 0, 0, 1): (0, True, "top right", "top left"),
    (1, 0, 0, -1): (180, True, "bottom left", "bottom right"),
    (0, 1, 1, 0): (90, True, "top left", "bottom left"),
    (0, -1, -1, 0): (270, True, "bottom right", "top right"),
}


@pytest.mark.parametrize(("matrix", "expected"), MATRICES.items())
def test_turned_and_mirrored_clips_are_shown_upright(clips: Any, matrix: tuple[int, ...], expected: tuple) -> None:
    rotation, mirrored, top_left, top_right = expected
    path = clips.set_display_matrix(clips.make("turned.mp4", range(5)), *matrix)
    with open_source(path) as source:
        info, frames = source.info, list(source)
        assert np.array_equal(source.read_at(2).rgb, frames[2].rgb)
    assert (info.rotation, info.is_mirrored) == (rotation, mirrored)
    assert (info.width, info.height) == ((64, 96) if rotation % 180 else (96, 64))
    for frame in frames:
        assert frame.rgb.shape == (info.height, info.width, 3)
        assert frame.rgb.flags.c_contiguous
        assert frame.rgb[4:12, 4:12].mean((0, 1)) == pytest.approx(clips.corners[top_left], abs=12)
        assert frame.rgb[4:12, -12:-4].mean((0, 1)) == pytest.approx(clips.corners[top_right], abs=12)


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("matrix", MATRICES)
def test_orientation_agrees_with_ffmpeg(clips: Any, matrix: tuple[int, ...]) -> None:
    path = clips.set_display_matrix(clips.make("turned.mp4", range(5)), *matrix)
    with open_source(path) as source:
        ours = source.read_at(3).rgb
    # FFmpeg turns before it converts colours, so chroma is sampled half a pixel elsewhere: corners blur, halves do not.
    assert np.abs(clips.ffmpeg_rgb(path, 3, ours.shape).astype(int) - ours).mean() < 4


@pytest.mark.parametrize(("tag", "turned"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_pictures_with_exif_inside_a_video_are_read(clips: Any, tag: int, turned: int) -> None:
    """Cameras put EXIF into each picture of an MJPEG file; PyAV has no name for it."""
    exif = Image.Exif()
    exif[0x112] = tag
    path = clips.folder / "camera.mjpeg"
    with open(path, "wb") as file:
        for number in range(3):
            Image.fromarray(clips.paint(number)).save(file, format="JPEG", exif=exif, quality=95)
    with open_source(path) as source:
        frames = list(source)
    assert len(frames) == 3
    for number, frame in enumerate(frames):
        assert np.abs(np.rot90(clips.paint(number), turned).astype(int) - frame.rgb).mean() < 8


def test_a_skewed_matrix_is_not_followed_but_noted(clips: Any) -> None:
    assert orientation_from_turn(45) is None
    assert orientation_from_matrix(np.array([1, 1, 0, -1, 1, 0, 0, 0, 1], "=i4").tobytes()) is None
    path = clips.set_display_matrix(clips.make("skewed.mp4", range(5)), 1, 1, -1, 1)
    with open_source(path) as source:
        assert source.info.rotation == 0
        assert any("display matrix" in note for note in source.info.notes)
