"""Sizes at which views of a frame enter the compact network."""

from __future__ import annotations

from seem_model.compact.config import SIZE_DIVISIBILITY

# Pictures that are longer than this are squeezed along their longer side: nothing so long was trained on, and the
# cost of a view must not depend on how elongated a video is. 2.4 admits CinemaScope (2.39).
MAX_ASPECT = 2.4
# Windows have these shapes, rows over columns, beside that of the frame; all cost about the same.
_WINDOW_ASPECTS = (4 / 7, 3 / 4, 10 / 11, 11 / 10, 4 / 3)


def input_sizes(height: int, width: int, short_side: int) -> list[tuple[int, int]]:
    """Sizes (rows, columns) at which views of a frame enter the network, all multiples of 32.

    The first is that of the whole frame: its shorter side has about `short_side` pixels, and its longer one at most
    2.4 times as many. The others have as many pixels as a 7:4 picture with that shorter side.
    """
    aspect = min(max(width / height, 1 / MAX_ASPECT), MAX_ASPECT)
    whole = (_rounded(short_side * max(1.0, 1 / aspect)), _rounded(short_side * max(1.0, aspect)))
    pixels = short_side**2 * 7 / 4
    shapes = [(_rounded((pixels * a) ** 0.5), _rounded((pixels / a) ** 0.5)) for a in _WINDOW_ASPECTS]
    return list(dict.fromkeys([whole, *shapes]))


def _rounded(side: float) -> int:
    return max(round(side / SIZE_DIVISIBILITY), 2) * SIZE_DIVISIBILITY
