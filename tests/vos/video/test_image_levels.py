"""Pictures as cameras and instruments write them: 12, 16 and 32 bits, real numbers, turned, misnamed, in stacks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vos.errors import UsageError, VideoError
from vos.video import open_source

RAMP = np.linspace(10, 245, 96 * 64).reshape(64, 96).astype(np.uint8)


def pgm(path: Path, values: np.ndarray, maximum: int) -> None:
    height, width = values.shape
    path.write_bytes(b"P5\n%d %d\n%d\n" % (width, height, maximum) + values.astype(">u2").tobytes())


def tiff(path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(path, format="TIFF")


def folder_of(path: Path) -> Path:
    path.mkdir()
    return path


def grey_of(folder: Path, **options: str) -> tuple[np.ndarray, tuple[str, ...]]:
    with open_source(folder, **options) as source:  # type: ignore[arg-type]
        frames = [frame.rgb for frame in source]
        for frame in frames:
            assert (frame == frame[..., :1]).all()
        return np.stack([frame[..., 0] for frame in frames]), source.info.notes


@pytest.mark.parametrize("kind", ["pgm 12", "pgm 16", "png 16", "tif 16", "tif int32", "tif 0..1", "tif 0..255"])
def test_deep_grey_pictures_are_scaled_and_never_clipped(tmp_path: Path, kind: str) -> None:
    folder = folder_of(tmp_path / "f")
    for index in range(2):
        share = RAMP.astype(np.float64) / 255
        wide = np.round(share * 65535)
        if kind == "pgm 12":
            pgm(folder / f"{index}.pgm", np.round(share * 4095), 4095)
        elif kind == "pgm 16":
            pgm(folder / f"{index}.pgm", wide, 65535)
        elif kind == "png 16":
            cv2.imwrite(str(folder / f"{index}.png"), wide.astype(np.uint16))
        elif kind == "tif 16":
            tiff(folder / f"{index}.tif", wide.astype(np.uint16))
        elif kind == "tif int32":
            tiff(folder / f"{index}.tif", wide.astype(np.int32))
        else:
            tiff(folder / f"{index}.tif", (share * (1 if kind.endswith("0..1") else 255)).astype(np.float32))
    frames, notes = grey_of(folder)
    assert np.abs(frames.astype(int) - RAMP).max() <= 1
    highest = {"pgm 12": 4095, "tif 0..1": 1, "tif 0..255": 255}.get(kind, 65535)
    assert notes == (f"values 0..{highest} are scaled to 8 bits",)


def test_twelve_bits_in_sixteen_are_noted_and_the_range_spreads_them(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    cv2.imwrite(str(folder / "0.png"), RAMP.astype(np.uint16) * 16)
    _, (note,) = grey_of(folder)
    assert "use only 16 of" in note
    assert "--range 160,3920" in note
    frames, _ = grey_of(folder, value_range="0,4080")
    assert np.array_equal(frames[0], RAMP)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_colours_of_more_than_8_bits_are_scaled_by_the_same_rule(tmp_path: Path, kind: str) -> None:
    colours = np.dstack([RAMP, RAMP[::-1], np.full_like(RAMP, 40)]).astype(np.uint16)
    full, twelve = folder_of(tmp_path / "full"), folder_of(tmp_path / "twelve")
    for index in range(2):
        cv2.imwrite(str(full / f"{index}.{kind}"), colours[..., ::-1] * 257)
        cv2.imwrite(str(twelve / f"{index}.{kind}"), colours[..., ::-1] * 16)
    with open_source(full) as source:
        assert np.array_equal(next(iter(source)).rgb, colours)
    with open_source(twelve) as source:
        (note,) = source.info.notes
    assert "--range 160,3920" in note
    with open_source(twelve, value_range="0,4080") as source:
        assert np.array_equal(source.read_at(1).rgb, colours)


@pytest.mark.parametrize("values", [RAMP.astype(np.uint16), RAMP.astype(np.float32) / 244])
def test_frames_that_would_be_black_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    folder = folder_of(tmp_path / "f")
    for index in range(3):
        (tiff if values.dtype.kind == "f" else lambda p, v: Image.fromarray(v).save(p))(folder / f"{index}.tif", values)
    low, high = float(values.min()), float(values.max())
    with pytest.raises(VideoError, match=f"--range {low:g},{high:g}"):
        open_source(folder)
    frames, _ = grey_of(folder, value_range=f"{low},{high}")
    assert frames[0].max() == 255


def test_a_dark_first_frame_alone_is_not_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    for index, factor in enumerate((1, 128, 257)):
        Image.fromarray(RAMP.astype(np.uint16) * factor).save(folder / f"{index}.png")
    frames, _ = grey_of(folder)
    assert np.array_equal(frames[2], RAMP)


def test_values_without_a_usual_range_ask_for_one(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    celsius = (RAMP.astype(np.float32) - 100) / 2
    for index in range(2):
        tiff(folder / f"{index}.tif", celsius)
    with pytest.raises(VideoError, match=r"0\.tif: grey values -45 to 72\.\d+ have no usual range; give --range"):
        open_source(folder)
    frames, _ = grey_of(folder, value_range="-50,77.5")
    assert np.array_equal(frames[0], RAMP)


def test_a_later_frame_out_of_range_is_an_error_and_never_clipped(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    tiff(folder / "0.tif", RAMP.astype(np.float32) / 255)
    tiff(folder / "1.tif", RAMP.astype(np.float32) / 100)
    with pytest.raises(VideoError, match=r"1\.tif: .* lie in 0\.\.1; give --range"):
        open_source(folder)
    for index in range(2, 5):
        tiff(folder / f"{index}.tif", RAMP.astype(np.float32) / 255)
    # Not among the frames that are looked at when the folder is opened.
    with open_source(folder) as source, pytest.raises(VideoError, match=r"1\.tif: .* lie in 0\.\.1; give --range"):
        list(source)
    with pytest.raises(UsageError, match="--range 5: expected LOW,HIGH"):
        open_source(folder, value_range="5")


def test_values_that_are_no_numbers_are_refused_unless_a_range_is_given(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    values = RAMP.astype(np.float32) / 255
    values[3, 4] = np.nan
    tiff(folder / "0.tif", values)
    with pytest.raises(VideoError, match="no numbers"):
        open_source(folder)
    frames, _ = grey_of(folder, value_range="0,1")
    assert frames[0, 3, 4] == 0
    assert np.abs(np.delete(frames[0].ravel().astype(int) - RAMP.ravel(), 3 * 96 + 4)).max() <= 1


def test_a_range_for_ordinary_pictures_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    Image.fromarray(RAMP).save(folder / "0.png")
    with pytest.raises(VideoError, match="--range is for pictures of more than 8 bits"):
        open_source(folder, value_range="0,4095")


@pytest.mark.parametrize("kind", ["tif", "jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_tags_turn_every_kind_of_picture(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = np.dstack([RAMP, RAMP[::-1], np.full_like(RAMP, 40)])
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    folder = folder_of(tmp_path / "f")
    tag = Image.Exif()
    tag[0x0112] = orientation
    # Stored turned to the left, so that the tag turns it back.
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright, turns)))
    for index in range(2):
        stored.save(folder / f"{index}.{kind}", exif=tag, **({"quality": 95} if kind in ("jpg", "webp") else {}))
    with open_source(folder) as source:
        frame = next(iter(source)).rgb
        assert (source.info.width, source.info.height) == (96, 64)
    assert frame.shape == upright.shape
    assert np.abs(frame.astype(int) - upright).mean() < 5


def test_what_a_file_holds_decides_and_not_its_name(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    rgb = np.dstack([RAMP] * 3)
    for index in range(3):
        Image.fromarray(rgb).save(folder / f"{index}.jpg", format="PNG")
    with open_source(folder) as source:
        assert np.array_equal(next(iter(source)).rgb, rgb)
        assert source.info.codec == "png"
        (note,) = source.info.notes
    assert note == "0.jpg (and 2 more files) holds a PNG picture under the name .jpg; read as PNG"
    (folder / "1.jpg").write_bytes(b"GIF89a" + bytes(40))
    with pytest.raises(VideoError, match=r"1\.jpg: not a readable jpg image"):
        open_source(folder)


def test_a_stack_of_pictures_in_one_file_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f")
    page = Image.fromarray(RAMP)
    page.save(folder / "0.tif", save_all=True, append_images=[page, page])
    with pytest.raises(VideoError, match=r"0\.tif: holds 3 pictures"):
        open_source(folder)


@pytest.mark.parametrize("mode", ["L", "I;16"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_uncompressed_grey_tiff_is_turned_upright(tmp_path: Path, mode: str, orientation: int) -> None:
    turns = {3: 2, 6: 1, 8: 3}[orientation]
    tag = Image.Exif()
    tag[0x0112] = orientation
    folder = folder_of(tmp_path / "f")
    grey = RAMP if mode == "L" else RAMP.astype(np.uint16) * 257
    for index in range(2):
        Image.fromarray(np.ascontiguousarray(np.rot90(grey, turns))).save(folder / f"{index}.tif", exif=tag)
    frames, _ = grey_of(folder)
    assert np.array_equal(frames[1], RAMP)
