"""Run-length encoding of masks as in COCO: runs down the columns, the first run is background.

`counts` in its compressed form is a string of 6-bit groups, 5 bits of a signed number each, lowest first, offset by
48 into printable ASCII; from the fourth run on, the difference to the run two before is stored. That is the
format of the COCO API (maskApi), of YouTube-VIS and of BURST.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def runs_of(mask: np.ndarray) -> list[int]:
    """Lengths of the runs of an (H, W) bool mask in column order; the first (possibly 0) is background."""
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], changes, [flat.size]])
    runs: list[int] = np.diff(bounds).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def mask_of_runs(runs: Sequence[int], width: int, height: int) -> np.ndarray:
    """(height, width) bool. Raises ValueError unless the runs are >= 0 and add up to the picture."""
    lengths = np.asarray(runs, dtype=np.int64)
    if (lengths < 0).any() or int(lengths.sum()) != width * height:
        raise ValueError(f"runs do not add up to {width}x{height} pixels")
    values = np.arange(len(lengths)) % 2 == 1
    flat = np.repeat(values, lengths)
    return np.ascontiguousarray(flat.reshape(width, height).T)


def encode_counts(mask: np.ndarray) -> str:
    """Compressed `counts` of an (H, W) bool mask."""
    runs = runs_of(mask)
    characters = bytearray()
    for i, run in enumerate(runs):
        value = run - runs[i - 2] if i > 2 else run
        more = True
        while more:
            group = value & 0x1F
            value >>= 5
            # The last group's top bit is the sign: stop once the rest is nothing but that sign.
            more = value != (-1 if group & 0x10 else 0)
            characters.append((group | (0x20 if more else 0)) + 48)
    return characters.decode("ascii")


def decode_counts(counts: str, width: int, height: int) -> np.ndarray:
    """(height, width) bool from compressed `counts`. Raises ValueError for anything that is not such a string."""
    runs: list[int] = []
    value, shift = 0, 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            raise ValueError(f"{character!r} cannot be part of RLE counts")
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise ValueError("RLE counts end in the middle of a number")
    return mask_of_runs(runs, width, height)
