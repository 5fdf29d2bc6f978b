"""Folders of images, bare bytes on standard input, and how a backend is chosen."""

from __future__ import annotations

import io
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from vos.errors import UsageError, VideoError
from vos.video import open_source, parse_rate
from vos.video.images import ImageFolderSource, natural_key
from vos.video.raw import RAW_FORMATS, RawSource


def save(folder: Path, clips: Any, names: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        Image.fromarray(clips.paint(number)).save(folder / name)
    return folder


def test_images_come_in_natural_order_at_the_nominal_rate(clips: Any, tmp_path: Path) -> None:
    folder = save(tmp_path / "frames", clips, [f"{i}.png" for i in range(12)])
    with open_source(folder, rate="30000/1001") as source:
        frames = list(source)
        assert source.info.frame_count == 12
        assert source.info.average_rate == Fraction(30000, 1001)
        assert np.array_equal(source.read_at(7).rgb, frames[7].rgb)
    clips.assert_painted(frames)
    assert [frame.pts for frame in frames] == list(range(12))
    assert frames[3].pts * frames[3].time_base == Fraction(3003, 30000)
    assert np.array_equal(frames[5].rgb, clips.paint(5))


def test_gaps_and_mixed_digits_keep_the_order_and_are_explained(clips: Any, tmp_path: Path) -> None:
    folder = save(tmp_path / "frames", clips, ["f_1.jpg", "f_002.jpg", "f_7.jpg", "f_10.jpg"])
    (folder / ".hidden.jpg").write_bytes(b"no image")
    (folder / "notes.txt").write_text("not an image")
    (folder / "sub.png").mkdir()
    source = ImageFolderSource(folder)
    assert [path.name for path in source.paths] == ["f_1.jpg", "f_002.jpg", "f_7.jpg", "f_10.jpg"]
    clips.assert_painted(list(source))
    gaps, widths = source.info.notes
    assert gaps.startswith("6 numbers are missing, first between 2 and 7")
    assert "different widths" in widths


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 10**6), unique=True), st.sampled_from(["", "frame", "a1b"]))
def test_natural_order_is_the_order_of_numbers(numbers: list[int], prefix: str) -> None:
    names = [f"{prefix}{number}" if prefix != "a1b" else f"a1b{number}c" for number in numbers]
    assert sorted(names, key=natural_key) == [name for _, name in sorted(zip(numbers, names, strict=True))]


def test_an_image_of_another_size_is_named(clips: Any, tmp_path: Path) -> None:
    folder = save(tmp_path / "frames", clips, ["1.png", "2.png", "3.png"])
    Image.new("RGB", (10, 20)).save(folder / "2.png")
    with pytest.raises(VideoError, match=r"2\.png: 10x20, but 1\.png is 96x64"):
        open_source(folder)


def test_two_images_for_one_frame_are_refused(clips: Any, tmp_path: Path) -> None:
    folder = save(tmp_path / "frames", clips, ["1.jpg", "1.png"])
    with pytest.raises(VideoError, match=r"1\.jpg and 1\.png claim the same frame"):
        open_source(folder)


def test_damaged_images_are_named(clips: Any, tmp_path: Path) -> None:
    folder = save(tmp_path / "frames", clips, ["1.jpg", "2.jpg"])
    whole = (folder / "2.jpg").read_bytes()
    (folder / "2.jpg").write_bytes(whole[:-40])
    with pytest.raises(VideoError, match=r"2\.jpg: the image is damaged"):
        list(open_source(folder))
    (folder / "2.jpg").write_bytes(b"")
    with pytest.raises(VideoError, match=r"2\.jpg: not a readable jpg image"):
        open_source(folder)


def test_opening_a_folder_decodes_no_image(clips: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save(tmp_path / "frames", clips, ["1.png", "2.png"])
    save(tmp_path / "photos", clips, ["1.jpg", "2.jpg"])

    def never(_: Any) -> None:
        raise AssertionError("an image was decoded")

    with monkeypatch.context() as patched:
        patched.setattr(ImageFile.ImageFile, "load", never)
        assert open_source(folder).info.frame_count == 2
        assert open_source(tmp_path / "photos").info.width == 96


def test_a_folder_without_images_says_what_it_expects(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"no images in the folder; expected \.jpg"):
        open_source(tmp_path)


def test_images_of_every_mode_become_rgb(tmp_path: Path) -> None:
    colour = np.zeros((6, 8, 3), np.uint8)
    colour[:, :4] = (200, 100, 50)
    image = Image.fromarray(colour)
    image.save(tmp_path / "1.png")
    image.convert("RGBA").save(tmp_path / "2.png")
    image.quantize(4).save(tmp_path / "3.png")
    image.save(tmp_path / "4.bmp")
    frames = list(open_source(tmp_path, images="[0-9].*"))
    assert all(np.array_equal(frame.rgb, colour) for frame in frames)
    grey = tmp_path / "grey"
    grey.mkdir()
    Image.fromarray(colour[:, :, 0]).save(grey / "1.png")
    cv2.imwrite(str(grey / "2.png"), colour[:, :, 0].astype(np.uint16) << 8)
    for frame in open_source(grey):
        assert np.array_equal(frame.rgb, np.repeat(colour[:, :, :1], 3, axis=2))


def test_orientation_tags_of_photographs_are_applied(clips: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(clips.paint(0)).save(tmp_path / "1.jpg", exif=exif, quality=95)
    with open_source(tmp_path) as source:
        assert (source.info.width, source.info.height) == (64, 96)
        (frame,) = source
    assert frame.rgb[4:12, -12:-4].mean((0, 1)) == pytest.approx(clips.corners["top left"], abs=12)


@pytest.mark.parametrize("pixel_format", RAW_FORMATS)
def test_raw_frames_come_from_standard_input(monkeypatch: pytest.MonkeyPatch, pixel_format: str) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    if pixel_format == "gray":
        rgb[:] = rgb[..., :1]
    alpha = np.full((3, 4, 5, 1), 7, np.uint8)
    stored = {
        "rgb24": rgb,
        "bgr24": rgb[..., ::-1],
        "rgba": np.concatenate([rgb, alpha], -1),
        "bgra": np.concatenate([rgb[..., ::-1], alpha], -1),
        "gray": rgb[..., 0],
    }[pixel_format]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stored.tobytes())))
    with open_source("-", size=(5, 4), rate=25, pixel_format=pixel_format) as source:
        frames = list(source)
        assert source.truncation is None and source.info.frame_count == 3
        assert [frame.time for frame in frames] == [0, 0.04, 0.08]
        assert np.array_equal([frame.rgb for frame in frames], rgb)
        with pytest.raises(VideoError, match="only once"):
            iter(source)
        with pytest.raises(VideoError, match="only be read in order"):
            source.read_at(0)


class Dripping(io.BytesIO):
    """A pipe that hands over seven bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(7, size or 7))


def test_raw_input_that_drips_and_ends_inside_a_frame_is_truncated() -> None:
    source = RawSource(Dripping(bytes(60 * 2 + 11)), size=(5, 4), rate=Fraction(10))
    assert len(list(source)) == 2
    assert str(source.truncation) == (
        "incomplete from frame 2 (0.200 s): the input ends after 11 of a frame's 60 bytes"
    )
    assert source.info.is_truncated


def test_raw_input_without_a_frame_is_an_error() -> None:
    with pytest.raises(VideoError, match="no frame arrived"):
        list(RawSource(io.BytesIO(), size=(5, 4), rate=Fraction(10)))


@pytest.mark.parametrize(
    ("spec", "options", "words"),
    [
        ("-", {}, "says neither its size nor its rate"),
        ("-", {"size": (0, 4), "rate": 25}, "size of 0x4"),
        ("-", {"size": (1 << 20, 1 << 20), "rate": 25}, "size of"),
        ("-", {"size": (4, 4), "rate": 25, "pixel_format": "nv12"}, "'nv12' is not one of rgb24"),
        ("a.mp4", {"rate": 25}, "'rate' does not apply to a pyav source"),
        ("a.mp4", {"backend": "magic"}, "'magic' is not one of auto, pyav"),
        ("folder", {"backend": "webcam"}, "camera:0"),
    ],
)
def test_options_that_cannot_be_are_usage_errors(spec: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_source(spec, **options)


def test_addresses_are_not_opened() -> None:
    with pytest.raises(VideoError, match="download the video"):
        open_source("https://example.org/a.mp4")


def test_rates_are_numbers_or_fractions() -> None:
    assert parse_rate("30000/1001") == Fraction(30000, 1001)
    assert parse_rate("29.97") == Fraction(2997, 100)
    for wrong in ("0", "-1", "fast", "1/0"):
        with pytest.raises(UsageError, match="a rate of"):
            parse_rate(wrong)


def test_odd_file_names_are_just_names(clips: Any) -> None:
    for name in ("with space.mp4", "50%03d.mp4", "a:b.mp4", "ünï-видео.mp4", "-x.mp4"):
        plain = clips.make("plain.mp4", range(3))
        path = plain.rename(plain.with_name(name))
        with open_source(str(path)) as source:
            clips.assert_painted(list(source))
