"""Numbers that are the same on every machine.

Random draws come from hashes, not from a library's generator. Pictures are computed with additions, multiplications,
divisions and square roots of single numbers, which IEEE 754 rounds in one way only; sine and exponential of a C
library, and sums that a processor adds up in an order of its own, are not used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

_Item = TypeVar("_Item")
_BITS = 30


class Draws:
    """Random draws that depend on a key alone.

    Args:
        key: What is drawn for. Equal keys give equal draws.
    """

    def __init__(self, *key: str | int) -> None:
        self._key = "/".join(map(str, key))
        self._drawn = 0

    def child(self, *key: str | int) -> Draws:
        """Draws for a part: they do not depend on how much has been drawn here."""
        return Draws(self._key, *key)

    def bits(self) -> int:
        """A whole number in [0, 2^30)."""
        self._drawn += 1
        digest = hashlib.blake2b(f"{self._key}#{self._drawn}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") >> (64 - _BITS)

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * (self.bits() / (1 << _BITS))

    def whole(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + self.bits() % (high - low + 1)

    def pick(self, items: Sequence[_Item]) -> _Item:
        """One of several."""
        return items[self.bits() % len(items)]

    def sign(self) -> int:
        """-1 or 1."""
        return 1 if self.bits() & 1 else -1


def sine(turns: float) -> float:
    """Sine of an angle in turns, to 2e-6, by a polynomial."""
    x = turns - float(np.floor(turns))
    sign = 1.0
    if x >= 0.5:
        x, sign = x - 0.5, -1.0
    if x > 0.25:
        x = 0.5 - x
    a = 6.283185307179586 * x
    b = a * a
    return sign * a * (1 - b / 6 * (1 - b / 20 * (1 - b / 42 * (1 - b / 72 * (1 - b / 110)))))


def cosine(turns: float) -> float:
    """Cosine of an angle in turns."""
    return sine(turns + 0.25)


def hashed(rows: np.ndarray, columns: np.ndarray, seed: int) -> np.ndarray:
    """Uniform uint32 for every pair of whole numbers (any shapes that broadcast)."""
    value = rows.astype(np.uint32) * np.uint32(0x9E3779B1) ^ columns.astype(np.uint32) * np.uint32(0x85EBCA77)
    value = value ^ np.uint32(seed & 0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        value = (value ^ (value >> np.uint32(shift))) * np.uint32(factor)
    return value ^ (value >> np.uint32(16))


def smooth(x: float) -> float:
    """0 to 1 for 0 to 1, with a gentle start and end; constant outside."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
