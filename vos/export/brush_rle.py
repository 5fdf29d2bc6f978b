"""The run lengths of Label Studio's brush: thi.ng's rle-pack over the bytes of an RGBA picture.

A bit stream, most significant bit first: 32 bits number of bytes, 5 bits word size - 1, four times 4 bits of a length's
width - 1; then blocks: 1 bit (1 a run, 0 literals), 2 bits which of the four widths, length - 1 in that many bits, and
the word of the run, or as many words as the length says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vos.files.rle import runs_of

_WORD = 8
_WIDTHS = (3, 4, 8, 16)
_LONGEST = 1 << _WIDTHS[-1]
_CHANNELS = 4


def encode_brush(mask: np.ndarray) -> list[int]:
    """Bytes 0..255 of an (H, W) bool mask: all four channels are 255 on the object and 0 beside it."""
    bits = [f"{mask.size * _CHANNELS:032b}{_WORD - 1:05b}", *(f"{width - 1:04b}" for width in _WIDTHS)]
    # Row by row; `runs_of` goes down columns.
    for number, run in enumerate(runs_of(mask.T)):
        rest, word = run * _CHANNELS, "11111111" if number % 2 else "00000000"
        while rest > 0:
            length = min(rest, _LONGEST)
            choice = next(i for i, width in enumerate(_WIDTHS) if length <= 1 << width)
            bits.append(f"1{choice:02b}{length - 1:0{_WIDTHS[choice]}b}{word}")
            rest -= length
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return list(int(stream, 2).to_bytes(len(stream) // 8, "big"))


def decode_brush(data: Sequence[int], width: int, height: int) -> np.ndarray:
    """(height, width) bool: where the alpha channel is above 127. Raises ValueError for what is not a brush."""
    bits = _Bits(bytes(data))
    size, word = bits.read(32), bits.read(5) + 1
    widths = [bits.read(4) + 1 for _ in range(4)]
    if size != width * height * _CHANNELS or word != _WORD:
        raise ValueError(f"not the brush of a picture of {width}x{height} pixels")
    values: list[int] = []
    lengths: list[int] = []
    done = 0
    while done < size:
        is_run = bits.read(1)
        length = bits.read(widths[bits.read(2)]) + 1
        if is_run:
            values.append(bits.read(word))
            lengths.append(length)
        else:
            values += [bits.read(word) for _ in range(length)]
            lengths += [1] * length
        done += length
    flat = np.repeat(np.array(values, np.uint8), lengths)
    if flat.size != size:
        raise ValueError("the runs of a brush do not add up to its picture")
    return np.ascontiguousarray(flat.reshape(height, width, _CHANNELS)[:, :, 3] > 127)


class _Bits:
    """Reads numbers from a stream of bits."""

    def __init__(self, data: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._at = 0

    def read(self, count: int) -> int:
        end = self._at + count
        if end > len(self._bits):
            raise ValueError("a brush ends before its picture is full")
        value = int(self._bits[self._at : end], 2)
        self._at = end
        return value
