"""Random pairs of masks of one object that deforms, with integer arithmetic alone."""

from __future__ import annotations

import random

import numpy as np


def random_pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two (90, 120) bool masks: discs grown together, and the same with some of them moved, and a bite."""
    chance = random.Random(seed)
    rows, columns = np.mgrid[:90, :120]

    def disc(y: int, x: int, radius: int) -> np.ndarray:
        inside: np.ndarray = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
        return inside

    first, second = np.zeros((90, 120), bool), np.zeros((90, 120), bool)
    y, x = chance.randint(30, 60), chance.randint(40, 80)
    for _ in range(chance.randint(1, 5)):
        radius = chance.randint(5, 18)
        y, x = y + chance.randint(-9, 9), x + chance.randint(-12, 12)
        first |= disc(y, x, radius)
        second |= disc(y + chance.randint(-2, 2), x + chance.randint(-2, 2), radius + chance.randint(-1, 1))
    if chance.random() < 0.5:
        second &= ~disc(y + chance.randint(-9, 9), x + chance.randint(-9, 9), chance.randint(2, 7))
    return first, second


def touches_at_a_corner(mask: np.ndarray) -> bool:
    """Whether two pixels of the mask, or two of the background, have a corner in common and no side."""
    padded = np.pad(mask, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return bool(((a == d) & (b == c) & (a != b)).any())
