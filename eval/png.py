"""Reads label PNGs: the index of every pixel, never its palette colour.

A label map is nearly all zeros, so most of the time of a general PNG reader goes into work that such a file does
not need. The common kinds (8 bits per pixel, grey or palette, every row with filter "None" or "Sub") are decoded
here; all others go to Pillow, whose result is the same. PNG specification (ISO/IEC 15948), sections 5, 9 and 10.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from eval.errors import MaskFileError
from eval.input_files import read_file

try:
    # Inflates the long runs of a label map some ten times faster. Same interface, same bytes.
    from zlib_ng import zlib_ng as inflate
except ImportError:
    import zlib as inflate  # type: ignore[no-redef]

INFLATE_LIBRARY = inflate.__name__.rpartition(".")[2]
_InflateError = cast(type[Exception], inflate.error)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_LENGTH = 13
_GREY, _PALETTE = 0, 3
_FILTER_NONE, _FILTER_SUB = 0, 1
_MAX_PIXELS = 1 << 28
_SINGLE_CHANNEL_MODES = frozenset({"1", "L", "P", "I", "I;16", "I;16B"})


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    bit_depth: int
    colour_type: int
    interlaced: bool


def read_labels(path: Path) -> np.ndarray:
    """Reads the label map of a single-channel PNG.

    Returns:
        (H, W) uint8, or uint16 for a 16-bit file: palette indices or grey values. May be read-only and need
        not be contiguous.

    Raises:
        FileNotFoundError: There is no such file.
        MaskFileError: The file is damaged, not a PNG, or has colour channels.
    """
    data = read_file(path, MaskFileError)
    try:
        header, compressed = _parse(data)
        labels = _decode_plain(header, compressed) if _is_plain(header) else None
    except (ValueError, struct.error, _InflateError) as error:
        raise MaskFileError(f"{path}: not a readable PNG ({error}); write the file again") from error
    return labels if labels is not None else _read_with_pillow(path)


def _parse(data: bytes) -> tuple[_Header, bytes]:
    """Splits a PNG into its header and its compressed pixels; checks lengths, checksums and the end mark."""
    if data[:8] != _SIGNATURE:
        raise ValueError("no PNG signature")
    view = memoryview(data)
    header: _Header | None = None
    parts: list[memoryview] = []
    position, end = 8, len(data)
    while True:
        if position + 12 > end:
            raise ValueError("the file is cut off")
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        body_end = position + 8 + length
        if body_end + 4 > end:
            raise ValueError("the file is cut off")
        (checksum,) = struct.unpack_from(">I", data, body_end)
        if zlib.crc32(view[position + 4 : body_end]) != checksum:
            raise ValueError(f"wrong checksum in chunk {kind!r}")
        if kind == b"IHDR":
            header = _parse_header(view[position + 8 : body_end])
        elif kind == b"IDAT":
            parts.append(view[position + 8 : body_end])
        elif kind == b"IEND":
            break
        position = body_end + 4
    if header is None or not parts:
        raise ValueError("no header or no pixels")
    return header, b"".join(parts)


def _parse_header(body: memoryview) -> _Header:
    if len(body) != _HEADER_LENGTH:
        raise ValueError("header of a wrong length")
    width, height, bit_depth, colour_type, _compression, _filtering, interlace = struct.unpack(">IIBBBBB", body)
    if not 0 < width * height <= _MAX_PIXELS:
        raise ValueError(f"impossible size {width}x{height}")
    return _Header(width, height, bit_depth, colour_type, interlace != 0)


def _is_plain(header: _Header) -> bool:
    return header.bit_depth == 8 and header.colour_type in (_GREY, _PALETTE) and not header.interlaced


def _decode_plain(header: _Header, compressed: bytes) -> np.ndarray | None:
    """(H, W) uint8, or None if the rows use filters that are left to Pillow."""
    stride = header.width + 1
    size = header.height * stride
    # The limit keeps a hostile file from inflating to more than its header announces.
    raw = inflate.decompressobj().decompress(compressed, size)
    if len(raw) != size:
        raise ValueError("fewer pixels than the header announces")
    flat = np.frombuffer(raw, np.uint8)
    rows = flat.reshape(header.height, stride)
    filters = rows[:, 0]
    if not filters.any():
        return rows[:, 1:]
    if (filters == _FILTER_SUB).all():
        return _undo_sub(flat, header.height, stride)
    return None


def _undo_sub(flat: np.ndarray, height: int, stride: int) -> np.ndarray:
    """Undoes filter "Sub" (each byte is the difference to its left neighbour, modulo 256) run by run.

    The bytes that are not zero start the runs of equal labels. Each row starts a run by itself, since its filter
    byte is 1; that byte is part of the row's running sum and is taken off with what precedes the row.
    """
    starts = np.flatnonzero(flat.view(np.bool_))
    totals = np.add.accumulate(flat[starts], dtype=np.uint8)
    row_first = np.searchsorted(starts, np.arange(height) * stride)
    runs_per_row = np.diff(row_first, append=len(starts))
    values = totals - np.repeat(totals[row_first], runs_per_row)
    labels = np.repeat(values, np.diff(starts, append=len(flat)))
    return labels.reshape(height, stride)[:, 1:]


def _read_with_pillow(path: Path) -> np.ndarray:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            mode = image.mode
            labels = np.array(image)
    except (OSError, ValueError, SyntaxError, zlib.error, Image.DecompressionBombError) as error:
        raise MaskFileError(f"{path}: not a readable PNG ({error}); write the file again") from error
    if mode == "LA" and (labels[..., 1] == 255).all():
        # One annotation of DAVIS-2016 (bear, frame 77) is stored with a second channel that says nothing.
        return labels[..., 0].copy()
    if mode not in _SINGLE_CHANNEL_MODES:
        raise MaskFileError(
            f"{path}: a {mode} picture, not a label map; write one channel with the object id of each pixel "
            "(`vos convert FOLDER --video FRAMES --to davis -o OUT` turns colours of the DAVIS palette into ids)"
        )
    if labels.dtype == np.bool_:
        return labels.astype(np.uint8)
    return labels if labels.dtype == np.uint8 else labels.astype(np.uint16)
