"""The label reader gives what Pillow gives, for every way to write a label PNG, and names files that it cannot read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from eval import MaskFileError, png
from eval.png import read_labels
from tests.eval.layouts import PALETTE

shapes = st.tuples(st.integers(1, 30), st.integers(1, 30))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def encode(width: int, height: int, raw: bytes, depth: int = 8, colour: int = 0, pieces: int = 1) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = zlib.compress(raw)
    step = -(-len(data) // pieces)
    body = b"".join(chunk(b"IDAT", data[i : i + step]) for i in range(0, len(data), step))
    palette = chunk(b"PLTE", PALETTE) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + body + chunk(b"IEND", b"")


def filtered(labels: np.ndarray, filters: list[int]) -> bytes:
    """Rows with the given PNG filters (0 None, 1 Sub, 2 Up)."""
    previous = np.zeros(labels.shape[1], np.uint8)
    rows = []
    for row, kind in zip(labels, filters, strict=True):
        left = np.concatenate([[0], row[:-1]]).astype(np.uint8)
        rows.append(bytes([kind]) + (row - (np.zeros_like(row), left, previous)[kind]).tobytes())
        previous = row
    return b"".join(rows)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.uint8, shapes, elements=st.sampled_from([0, 0, 0, 1, 2, 255])), st.data())
def test_every_filter_and_colour_type_reads_back_equal(tmp_path: Path, labels: np.ndarray, data: st.DataObject) -> None:
    height, width = labels.shape
    kinds = data.draw(
        st.sampled_from([[0] * height, [1] * height]) | st.lists(st.integers(0, 2), min_size=height, max_size=height)
    )
    colour, pieces = data.draw(st.sampled_from([0, 3])), data.draw(st.integers(1, 4))
    path = tmp_path / "labels.png"
    path.write_bytes(encode(width, height, filtered(labels, kinds), colour=colour, pieces=pieces))
    assert np.array_equal(np.array(Image.open(path)), labels), "the test writes valid PNGs"
    read = read_labels(path)
    assert read.dtype == np.uint8 and np.array_equal(read, labels)


@pytest.mark.parametrize("writer", ["pillow-grey", "pillow-palette", "pillow-two-colours", "opencv", "interlaced"])
def test_files_of_common_writers_read_back_equal(tmp_path: Path, writer: str) -> None:
    labels = np.zeros((48, 61), np.uint8)
    labels[10:30, 5:40] = 1
    path = tmp_path / "labels.png"
    image = Image.fromarray(labels)
    if writer == "pillow-palette":
        image.putpalette(PALETTE)
    if writer == "pillow-two-colours":
        image.putpalette([0, 0, 0, 255, 0, 0])
    if writer == "opencv":
        assert cv2.imwrite(str(path), labels)
    else:
        image.save(path, interlace=writer == "interlaced")
    assert np.array_equal(read_labels(path), labels)


def test_one_bit_and_sixteen_bit_files_keep_their_values(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), bool)
    mask[3:9, 4:20] = True
    Image.fromarray(mask).save(tmp_path / "one.png")
    assert np.array_equal(read_labels(tmp_path / "one.png"), mask.astype(np.uint8))
    labels = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    assert cv2.imwrite(str(tmp_path / "sixteen.png"), labels)
    read = read_labels(tmp_path / "sixteen.png")
    assert read.dtype == np.uint16 and np.array_equal(read, labels)


def test_the_standard_library_inflates_to_the_same_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4), np.ones((9, 7), np.uint8))
    (tmp_path / "a.png").write_bytes(encode(28, 27, filtered(labels, [1] * 27)))
    first = read_labels(tmp_path / "a.png")
    monkeypatch.setattr(png, "inflate", zlib)
    assert np.array_equal(read_labels(tmp_path / "a.png"), first)
    assert np.array_equal(first, labels)


def damaged_files() -> dict[str, bytes]:
    good = encode(8, 6, filtered(np.ones((6, 8), np.uint8), [0] * 6))
    flipped = bytearray(good)
    flipped[50] ^= 0xFF
    return {
        "empty": b"",
        "text": b"not a picture at all, but long enough",
        "cut in the middle": good[:-20],
        "cut before the end mark": good[:-12],
        "one byte changed": bytes(flipped),
        "fewer pixels than announced": encode(8, 60, filtered(np.ones((6, 8), np.uint8), [0] * 6)),
        "not compressed": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 6, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", b"plain bytes")
        + chunk(b"IEND", b""),
        "no pixels": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 6, 8, 0, 0, 0, 0))
        + chunk(b"IEND", b""),
        "impossible size": encode(1 << 30, 1 << 30, b"\0"),
        "no width": encode(0, 6, b"\0" * 6),
    }


@pytest.mark.parametrize("damage", damaged_files())
@pytest.mark.parametrize("library", ["installed", "standard"])
def test_a_damaged_file_is_an_error_that_names_it(
    tmp_path: Path, damage: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "standard":
        monkeypatch.setattr(png, "inflate", zlib)
        monkeypatch.setattr(png, "_InflateError", zlib.error)
    path = tmp_path / "broken.png"
    path.write_bytes(damaged_files()[damage])
    with pytest.raises(MaskFileError, match=r"broken\.png: not a readable PNG"):
        read_labels(path)


def test_colours_are_not_labels(tmp_path: Path) -> None:
    for mode in ("RGB", "RGBA", "LA"):
        Image.new(mode, (8, 6)).save(tmp_path / "colour.png")
        with pytest.raises(MaskFileError, match=rf"colour\.png: a {mode} picture, not a label map"):
            read_labels(tmp_path / "colour.png")


def test_grey_with_an_opaque_second_channel_is_a_label_map(tmp_path: Path) -> None:
    labels = (np.arange(48, dtype=np.uint8) % 3).reshape(6, 8)
    opaque = np.full_like(labels, 255)
    path = tmp_path / "opaque.png"
    Image.fromarray(np.stack([labels, opaque], 2), mode="LA").save(path)
    assert np.array_equal(read_labels(path), labels)
    opaque[0, 0] = 254
    Image.fromarray(np.stack([labels, opaque], 2), mode="LA").save(path)
    with pytest.raises(MaskFileError, match="a LA picture, not a label map"):
        read_labels(path)
