"""J and F by the size of the object: means over the frames in which it is absent, small, medium or large.

Sizes are those of COCO (Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014): small below 32 x 32
pixels, large from 96 x 96 pixels on. The true mask of each frame decides, so that one object may be in several
classes. A class averages over objects, of each the mean over its frames in the class, so that long sequences do not
count more than short ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

SIZES: tuple[tuple[str, int], ...] = (("absent", 1), ("small", 32**2), ("medium", 96**2), ("large", 2**62))
"""Class -> area in pixels at which it ends."""


class Sized(Protocol):
    """Scores of an object over T frames."""

    @property
    def j(self) -> np.ndarray: ...

    @property
    def f(self) -> np.ndarray: ...

    @property
    def area(self) -> np.ndarray: ...


@dataclass(frozen=True, slots=True)
class SizeScores:
    """Scores of one class of sizes.

    Attributes:
        size: Name of the class.
        objects: Objects with a frame in the class.
        frames: Their frames in the class.
        j, f: Means over these objects.
    """

    size: str
    objects: int
    frames: int
    j: float
    f: float


def scores_by_size(objects: Sequence[Sized]) -> tuple[SizeScores, ...]:
    """Scores of every class that has a frame, from absent to large.

    Args:
        objects: For each object `j`, `f` and the `area` of the true mask in pixels, (T,) arrays.
    """
    found = []
    for number, (size, end) in enumerate(SIZES):
        begin = SIZES[number - 1][1] if number else 0
        chosen = [(item, (item.area >= begin) & (item.area < end)) for item in objects]
        rows = [(item.j[frames], item.f[frames]) for item, frames in chosen if frames.any()]
        if rows:
            found.append(
                SizeScores(
                    size=size,
                    objects=len(rows),
                    frames=sum(len(j) for j, _ in rows),
                    j=float(np.mean([j.mean() for j, _ in rows])),
                    f=float(np.mean([f.mean() for _, f in rows])),
                )
            )
    return tuple(found)
