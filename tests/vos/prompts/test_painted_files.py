"""Painted pictures and masks as files: one colour per object, and what is not an object."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vos.errors import PromptError
from vos.files.palette import DAVIS_PALETTE
from vos.prompts import read_masks, read_painted_strokes, read_strokes
from vos.prompts.label_image import read_label_image

RED, GREEN, BLUE, CYAN = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 255, 255)
LINES = ((RED, (20, 20), (120, 80), 7), (GREEN, (30, 110), (150, 100), 5), (BLUE, (150, 10), (140, 70), 4))


def save(path: Path, array: np.ndarray, palette: np.ndarray | None = None, **options: object) -> Path:
    image = Image.fromarray(array)
    if palette is not None:
        image = image.convert("P")
        image.putpalette(palette.tobytes())
    image.save(path, **options)
    return path


def painted(line_type: int = cv2.LINE_8, lines: tuple = LINES, size: tuple[int, int] = (180, 120)) -> np.ndarray:
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    for colour, start, end, width in lines:
        cv2.line(canvas, start, end, colour, width, line_type)
    return canvas


def by_id(path: Path) -> dict[int, np.ndarray]:
    return {stroke.object_id: stroke.rasterise(*stroke.size) for stroke in read_painted_strokes(path)}  # type: ignore


def test_each_colour_of_a_hard_brush_becomes_one_stroke(tmp_path: Path) -> None:
    picture = painted()
    strokes = by_id(save(tmp_path / "s.png", picture))
    # Highest (r, g, b) first: red, green, blue.
    assert list(strokes) == [1, 2, 3]
    for object_id, colour in ((1, RED), (2, GREEN), (3, BLUE)):
        assert np.array_equal(strokes[object_id], (picture == colour).all(axis=2))


@pytest.mark.parametrize("size", [(180, 120), (640, 360)])
def test_smoothed_edges_do_not_become_objects(tmp_path: Path, size: tuple[int, int]) -> None:
    smooth = painted(cv2.LINE_AA, size=size)
    assert len(np.unique(smooth.reshape(-1, 3), axis=0)) > 20
    strokes = by_id(save(tmp_path / "s.png", smooth))
    assert list(strokes) == [1, 2, 3]
    hard = painted(size=size)
    for object_id, colour in ((1, RED), (2, GREEN), (3, BLUE)):
        exact = (hard == colour).all(axis=2)
        overlap = (exact & strokes[object_id]).sum() / (exact | strokes[object_id]).sum()
        assert overlap > 0.8
        # Half-covered edge pixels belong to the stroke, fainter ones to the background.
        assert strokes[object_id][(smooth == colour).all(axis=2)].all()


def test_smoothed_strokes_that_cross_stay_two_objects(tmp_path: Path) -> None:
    lines = ((RED, (20, 60), (160, 50), 7), (BLUE, (80, 10), (95, 110), 5))
    assert list(by_id(save(tmp_path / "s.png", painted(cv2.LINE_AA, lines)))) == [1, 2]


@pytest.mark.parametrize("end", [(160, 55), (160, 100), (70, 20), (24, 100)])
def test_a_smoothed_line_of_one_pixel_is_one_object(tmp_path: Path, end: tuple[int, int]) -> None:
    lines = ((CYAN, (20, 20), end, 1),)
    assert list(by_id(save(tmp_path / "s.png", painted(cv2.LINE_AA, lines)))) == [1]


def test_thin_hard_lines_beside_thick_ones_are_kept(tmp_path: Path) -> None:
    lines = ((RED, (20, 20), (120, 80), 7), ((128, 0, 0), (20, 110), (160, 100), 1))
    strokes = by_id(save(tmp_path / "s.png", painted(lines=lines)))
    # Dark red is colour 1 of the DAVIS palette; bright red takes the next free id.
    assert list(strokes) == [1, 2]
    assert strokes[1][105:].any()


def test_transparency_is_background_and_partial_opacity_counts_from_half(tmp_path: Path) -> None:
    rgba = np.zeros((40, 60, 4), np.uint8)
    rgba[..., :3] = (250, 250, 250)
    rgba[10:20, 10:30] = (255, 0, 0, 255)
    rgba[20, 10:30] = (255, 0, 0, 140)
    rgba[21, 10:30] = (255, 0, 0, 100)
    strokes = by_id(save(tmp_path / "s.png", rgba))
    assert list(strokes) == [1]
    assert strokes[1].sum() == 11 * 20


def test_davis_colours_keep_their_index_and_others_fill_the_gaps(tmp_path: Path) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[5:10, 5:10] = DAVIS_PALETTE[2]
    picture[15:20, 5:10] = DAVIS_PALETTE[1]
    picture[25:30, 5:10] = RED
    picture[25:30, 25:30] = CYAN
    strokes = by_id(save(tmp_path / "s.png", picture))
    assert sorted(strokes) == [1, 2, 3, 4]
    assert strokes[2][7, 7]
    assert strokes[1][17, 7]
    assert strokes[3][27, 7]
    assert strokes[4][27, 27]


def test_ids_do_not_depend_on_where_the_strokes_are(tmp_path: Path) -> None:
    first = np.zeros((40, 60, 3), np.uint8)
    first[2:8, 2:8], first[20:28, 20:28] = RED, BLUE
    second = np.zeros((40, 60, 3), np.uint8)
    second[2:8, 2:8], second[20:28, 20:28] = BLUE, RED
    one, two = by_id(save(tmp_path / "1.png", first)), by_id(save(tmp_path / "2.png", second))
    assert np.array_equal(one[1], two[2])
    assert np.array_equal(one[2], two[1])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_palette_and_grey_index_maps_come_back_as_they_are(width: int, height: int, seed: int) -> None:
    labels = np.random.default_rng(seed).choice(np.array([0, 1, 2, 7, 8, 254], np.uint8), size=(height, width))
    labels[0, 0] = 0
    for palette in (DAVIS_PALETTE, np.random.default_rng(0).integers(0, 255, (256, 3)).astype(np.uint8), None):
        file = io.BytesIO()
        image = Image.fromarray(labels)
        if palette is not None:
            image = image.convert("P")
            image.putpalette(palette.tobytes())
        image.save(file, format="PNG")
        _assert_reads_back(file.getvalue(), labels)


def _assert_reads_back(png: bytes, labels: np.ndarray) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.png"
        path.write_bytes(png)
        if not labels.any():
            with pytest.raises(PromptError, match="nothing is painted"):
                read_masks(path)
            return
        assert np.array_equal(read_label_image(path, painted=False), labels)
        masks = read_masks(path)
        assert [mask.object_id for mask in masks] == [i for i in np.unique(labels) if i]
        assert all(np.array_equal(mask.pixels, labels == mask.object_id) for mask in masks)


def test_a_0_255_mask_is_object_one(tmp_path: Path) -> None:
    mask = np.zeros((30, 50), np.uint8)
    mask[5:15, 5:25] = 255
    for path in (
        save(tmp_path / "l.png", mask),
        save(tmp_path / "rgb.png", np.repeat(mask[..., None], 3, axis=2)),
        save(tmp_path / "one.png", mask.astype(bool)),
        save(tmp_path / "p.png", mask, DAVIS_PALETTE),
    ):
        (read,) = read_masks(path)
        assert read.object_id == 1
        assert np.array_equal(read.pixels, mask > 0)


def test_255_beside_other_ids_is_void(tmp_path: Path) -> None:
    labels = np.zeros((30, 50), np.uint8)
    labels[5:15, 5:25] = 1
    labels[15:17, 5:25] = 255
    (read,) = read_masks(save(tmp_path / "p.png", labels, DAVIS_PALETTE))
    assert np.array_equal(read.pixels, labels == 1)


def test_a_smoothed_grey_mask_is_one_object(tmp_path: Path) -> None:
    canvas = np.zeros((80, 100), np.uint8)
    cv2.circle(canvas, (50, 40), 25, 255, -1, cv2.LINE_AA)
    assert len(np.unique(canvas)) > 10
    (read,) = read_masks(save(tmp_path / "l.png", canvas))
    assert np.array_equal(read.pixels, canvas > 127)


def test_ids_above_255_are_read_from_16_bit_png(tmp_path: Path) -> None:
    labels = np.zeros((30, 50), np.uint16)
    labels[2:5, 2:5], labels[10:14, 10:14] = 255, 65535
    assert [m.object_id for m in read_masks(save(tmp_path / "w.png", labels))] == [255, 65535]


def test_a_painted_picture_stored_with_a_palette_is_read_by_colour(tmp_path: Path) -> None:
    picture = painted()
    indexed = Image.fromarray(picture).quantize(16)
    assert indexed.getpalette()[:3] != [0, 0, 0]
    indexed.save(tmp_path / "s.png")
    assert [np.count_nonzero(s) for s in by_id(tmp_path / "s.png").values()] == [
        int((picture == colour).all(axis=2).sum()) for colour in (RED, GREEN, BLUE)
    ]


def test_smoothed_edges_of_a_palette_picture_do_not_become_objects(tmp_path: Path) -> None:
    lines = ((RED, (20, 20), (120, 80), 7),)
    smooth = painted(cv2.LINE_AA, lines)
    colours, index = np.unique(smooth.reshape(-1, 3), axis=0, return_inverse=True)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    indexed = index.reshape(smooth.shape[:2]).astype(np.uint8)
    path = save(tmp_path / "s.png", indexed, palette)
    (stroke,) = read_painted_strokes(path)
    (mask,) = read_masks(path)
    assert stroke.object_id == mask.object_id == 1
    assert np.array_equal(mask.pixels, smooth[..., 0] > 127)


@pytest.mark.parametrize("palette", [DAVIS_PALETTE, np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)])
def test_thin_strokes_of_an_index_map_are_never_taken_for_edges(tmp_path: Path, palette: np.ndarray) -> None:
    # Colour 8 of the DAVIS palette is half of colour 1, so this looks like a smoothed edge.
    labels = np.zeros((40, 60), np.uint8)
    labels[10:20, 10:50] = 1
    labels[20, 10:50] = 8
    labels[30, 30] = 2
    strokes = by_id(save(tmp_path / "s.png", labels, palette))
    assert list(strokes) == [1, 2, 8]
    assert all(np.array_equal(strokes[i], labels == i) for i in strokes)


def test_a_lossy_picture_is_refused_with_the_remedy(tmp_path: Path) -> None:
    lossy = tmp_path / "s.jpg"
    Image.fromarray(painted()).save(lossy, quality=70)
    with pytest.raises(PromptError, match="JPEG image; expected PNG"):
        read_painted_strokes(lossy)
    again = tmp_path / "s.png"
    Image.open(lossy).save(again)
    with pytest.raises(PromptError, match=r"s\.png: .*save as PNG"):
        read_painted_strokes(again)


def test_a_photograph_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(1, 255, (120, 160, 3)).astype(np.uint8)
    noise[:10] = 0
    with pytest.raises(PromptError, match="photograph"):
        read_painted_strokes(save(tmp_path / "s.png", noise))


def test_a_picture_without_background_is_refused(tmp_path: Path) -> None:
    white = np.full((40, 60, 3), 255, np.uint8)
    white[5:10, 5:10] = RED
    with pytest.raises(PromptError, match="every pixel is painted; leave the background transparent or black"):
        read_painted_strokes(save(tmp_path / "s.png", white))


def test_two_colours_that_are_nearly_the_same_are_refused(tmp_path: Path) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[5:10, 5:10], picture[20:30, 20:30] = (250, 0, 0), (255, 5, 0)
    with pytest.raises(PromptError, match="#fa0000 and #ff0500 are too close"):
        read_painted_strokes(save(tmp_path / "s.png", picture))


def test_specks_are_refused_rather_than_tracked(tmp_path: Path) -> None:
    picture = painted()
    picture[100, 5] = CYAN
    with pytest.raises(PromptError, match="#00ffff may be dirt"):
        read_painted_strokes(save(tmp_path / "s.png", picture))


def test_an_empty_picture_is_refused(tmp_path: Path) -> None:
    for array in (np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9, 4), np.uint8)):
        with pytest.raises(PromptError, match=r"e\.png: nothing is painted"):
            read_painted_strokes(save(tmp_path / "e.png", array))


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.png", painted()).read_bytes()
    cases = {"empty.png": b"", "text.png": b"hello", "cut.png": whole[: len(whole) // 2], "head.png": whole[:20]}
    for name, content in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(PromptError, match=name.replace(".", r"\.")):
            read_masks(path)
    with pytest.raises(PromptError, match=r"none\.png: no such file"):
        read_masks(tmp_path / "none.png")
    with pytest.raises(PromptError, match=r"none\.png: no such file"):
        read_strokes(tmp_path / "none.png")
    with pytest.raises(PromptError, match="directory"):
        read_masks(tmp_path)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    import struct
    import zlib

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    bomb += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    (tmp_path / "bomb.png").write_bytes(bomb)
    with pytest.raises(PromptError, match=r"bomb\.png"):
        read_masks(tmp_path / "bomb.png")


@settings(deadline=None, max_examples=120)
@given(st.data())
def test_damaged_png_files_end_in_one_clear_error_or_a_prompt(data: st.DataObject) -> None:
    import tempfile

    file = io.BytesIO()
    Image.fromarray(painted(size=(40, 30))).save(file, format="PNG")
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutated.png"
        path.write_bytes(content)
        try:
            read_painted_strokes(path)
        except PromptError as error:
            assert "mutated.png" in str(error)
            assert "\n" not in str(error)
