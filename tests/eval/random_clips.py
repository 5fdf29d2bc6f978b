"""Random ground truth and predictions with integer arithmetic alone, so that a seed gives the same masks everywhere."""

from __future__ import annotations

import random

import numpy as np


def random_clip(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two (T, H, W) uint8 label volumes of up to three objects that move, leave and return, and are missed at times.

    Sizes go from a few pixels to more than 1,000, and objects from one pixel to most of the frame.
    """
    chance = random.Random(seed)
    frames = chance.randint(3, 14)
    height, width = chance.choice(((20, 31), (75, 100), (96, 64), (120, 213), (360, 480), (700, 1100)))
    truth = np.zeros((frames, height, width), np.uint8)
    predicted = np.zeros_like(truth)
    rows, columns = np.mgrid[:height, :width]
    for object_id in range(1, chance.randint(1, 3) + 1):
        radius = max(1, min(height, width) * chance.randint(1, 40) // 100)
        y, x = chance.randrange(height), chance.randrange(width)
        gone = sorted(chance.choices(range(-1, frames + 2), k=chance.choice((0, 2, 2, 4))))
        for frame in range(frames):
            y += chance.randint(-radius // 4 - 1, radius // 4 + 1)
            x += chance.randint(-radius // 4 - 1, radius // 4 + 1)
            is_gone = any(start <= frame < stop for start, stop in zip(gone[::2], gone[1::2], strict=True))
            if not is_gone:
                truth[frame][(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = object_id
            wrong = chance.choice((0, 0, 0, 1, 1, 2, 5, 12))
            shown = chance.random() < (0.25 if is_gone else 0.85)
            if shown:
                disc = (rows - y - wrong) ** 2 + (columns - x + wrong // 2) ** 2 <= (radius + wrong // 3) ** 2
                predicted[frame][disc & (rows % 7 != wrong)] = object_id
    return truth, predicted
