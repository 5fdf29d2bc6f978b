"""Display matrix of a video stream to array operations: the eight ways to lay a rectangle on itself.

A display matrix holds nine 32-bit integers a b u c d v x y w (ISO/IEC 14496-12, 8.2.2); a stored point (p, q),
x to the right and y down, is shown at (a p + c q, b p + d q). Offsets do not matter for whole pictures.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

# A matrix whose smaller terms exceed this part of the larger ones is no turn by a multiple of 90 degrees.
_SKEW_TOLERANCE = 0.02

# (swap, flip_x, flip_y) -> (degrees clockwise, mirrored left-right after the turn)
_NAMES = {
    (False, False, False): (0, False),
    (True, True, False): (90, False),
    (False, True, True): (180, False),
    (True, False, True): (270, False),
    (False, True, False): (0, True),
    (True, False, False): (90, True),
    (False, False, True): (180, True),
    (True, True, True): (270, True),
}


@dataclass(frozen=True, slots=True)
class Orientation:
    """Exchange rows and columns if `swap`, then reverse columns if `flip_x` and rows if `flip_y`."""

    swap: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def rotation(self) -> int:
        """Degrees clockwise: 0, 90, 180 or 270."""
        return _NAMES[self.swap, self.flip_x, self.flip_y][0]

    @property
    def is_mirrored(self) -> bool:
        """Whether the turn by `rotation` is followed by a left-right flip."""
        return _NAMES[self.swap, self.flip_x, self.flip_y][1]

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Displayed (width, height) of a stored picture."""
        return (height, width) if self.swap else (width, height)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """(H, W, C) stored picture -> C-contiguous displayed picture. Copies only when something changes."""
        if self.swap:
            image = image.transpose(1, 0, 2)
        if self.flip_x:
            image = image[:, ::-1]
        if self.flip_y:
            image = image[::-1]
        return np.ascontiguousarray(image)


def orientation_from_turn(clockwise: int) -> Orientation | None:
    """The turn by so many degrees, without a flip; None unless it is a multiple of 90."""
    return next((Orientation(*flips) for flips, name in _NAMES.items() if name == (clockwise % 360, False)), None)


def orientation_from_matrix(matrix: bytes) -> Orientation | None:
    """Reads a display matrix of 36 bytes in native byte order.

    Returns None for one that is not a turn by a multiple of 90 degrees with or without a flip.
    """
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    straight = min(abs(a), abs(d))
    crossed = min(abs(b), abs(c))
    if straight and max(abs(b), abs(c)) <= _SKEW_TOLERANCE * straight:
        return Orientation(swap=False, flip_x=a < 0, flip_y=d < 0)
    if crossed and max(abs(a), abs(d)) <= _SKEW_TOLERANCE * crossed:
        return Orientation(swap=True, flip_x=c < 0, flip_y=b < 0)
    return None
