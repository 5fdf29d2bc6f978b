"""Which frames stand for a whole video."""

from __future__ import annotations

import numpy as np


def spread_frames(count: int, tiles: int) -> tuple[int, ...]:
    """Indices of `tiles` frames spread evenly over a video of `count`, first and last among them.

    >>> spread_frames(132, 6)
    (0, 26, 52, 79, 105, 131)
    """
    return tuple(sorted({round(i) for i in np.linspace(0, count - 1, min(tiles, count))}))
