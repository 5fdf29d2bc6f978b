"""Random true and predicted tracks with integer arithmetic alone: identities switch, tracks break, objects cross."""

from __future__ import annotations

import random

import numpy as np


def random_tracks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two (T, 48, 64) uint8 label volumes of boxes; now and then a frame or a whole side is empty."""
    chance = random.Random(seed)
    frames = chance.randint(1, 12)
    truth, predicted = np.zeros((frames, 48, 64), np.uint8), np.zeros((frames, 48, 64), np.uint8)
    if chance.random() < 0.04:
        return truth, predicted
    for object_id in range(1, chance.randint(1, 5) + 1):
        height, width = chance.randint(3, 20), chance.randint(3, 24)
        y, x = chance.randrange(48 - height + 1), chance.randrange(64 - width + 1)
        label = chance.randint(1, 9)
        for frame in range(frames):
            y = min(max(0, y + chance.randint(-3, 3)), 48 - height)
            x = min(max(0, x + chance.randint(-4, 4)), 64 - width)
            if chance.random() < 0.08:
                label = chance.randint(1, 9)
            if chance.random() < 0.85:
                truth[frame, y : y + height, x : x + width] = object_id
            if chance.random() < 0.8:
                dy, dx = chance.choice((0, 0, 1, 2, 5)), chance.choice((0, 0, 1, 2, 5))
                predicted[frame, y + dy : y + height, x + dx : x + width + dx] = label
    if chance.random() < 0.04:
        predicted[:] = 0
    return truth, predicted
