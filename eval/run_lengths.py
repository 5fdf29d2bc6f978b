"""Masks as COCO's run lengths: areas and overlaps without a picture in memory.

Runs go down the columns and begin with background. `counts` is a list of them, or the compressed string of COCO's
maskApi: groups of 6 bits, 5 of a signed number each, lowest first; from the fourth run on differences to the run two
before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """A mask.

    Attributes:
        size: (height, width).
        bounds: (2K,) int64: start and end of its K runs in column order.
    """

    size: tuple[int, int]
    bounds: np.ndarray

    @property
    def area(self) -> int:
        """Pixels."""
        return int((self.bounds[1::2] - self.bounds[::2]).sum())


def read_runs(rle: Any) -> Runs:
    """A mask from `{"size": [height, width], "counts": list or string}`.

    Raises:
        ValueError, KeyError, TypeError: It is none.
    """
    height, width = (int(side) for side in rle["size"])
    counts = rle["counts"]
    lengths = np.asarray(_decoded(counts) if isinstance(counts, str) else counts, np.int64)
    if lengths.ndim != 1 or (lengths < 0).any() or int(lengths.sum()) != height * width:
        raise ValueError(f"run lengths do not add up to {width}x{height} pixels")
    edges = np.cumsum(lengths)
    bounds = edges[:-1] if len(edges) % 2 else edges
    return Runs((height, width), bounds)


def _decoded(counts: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            raise ValueError(f"{character!r} cannot be part of run lengths")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("the run lengths are cut off")
    return runs


def shared_area(a: Runs, b: Runs) -> int:
    """Pixels in both masks.

    Raises:
        ValueError: They have different sizes.
    """
    if a.size != b.size:
        raise ValueError(f"masks of {a.size[1]}x{a.size[0]} and {b.size[1]}x{b.size[0]} pixels cannot be compared")
    if not len(a.bounds) or not len(b.bounds):
        return 0
    # How many pixels of `a` come before a place grows by one along each of its runs; all numbers are exact in float64.
    before = np.zeros(len(a.bounds))
    before[1::2] = np.cumsum(a.bounds[1::2] - a.bounds[::2])
    before[2::2] = before[1:-1:2]
    at = np.interp(b.bounds, a.bounds, before)
    return int((at[1::2] - at[::2]).sum())


def iou_of(detections: Sequence[Sequence[Runs | None]], truths: Sequence[Sequence[Runs | None]]) -> np.ndarray:
    """(D, G, 3) float64: shared pixels, detected pixels and true pixels over all frames of D and G tracks.

    Args:
        detections, truths: The masks of each track, frame by frame, None where it has none; a picture is one frame.
    """
    result = np.zeros((len(detections), len(truths), 3))
    for row, detection in enumerate(detections):
        for column, truth in enumerate(truths):
            pairs = zip(detection, truth, strict=True)
            result[row, column, 0] = sum(shared_area(a, b) for a, b in pairs if a is not None and b is not None)
    result[..., 1] = np.array([[sum(item.area for item in track if item)] for track in detections]).reshape(-1, 1)
    result[..., 2] = np.array([sum(item.area for item in track if item) for track in truths]).reshape(1, -1)
    return result
