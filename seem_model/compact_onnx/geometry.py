"""Positions of cells, as the network wants them; the PyTorch side has the same in its layers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

Grid = tuple[int, int]


@lru_cache(maxsize=32)
def sine_position(grid: Grid, dim: int) -> np.ndarray:
    """(1, dim, h*w) float32: sines and cosines of y and x, each in [0, 1], at log-spaced frequencies."""
    height, width = grid
    frequencies = np.pi * np.logspace(0, 1.3, dim // 4, dtype=np.float32)
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None] * frequencies
    x = ((np.arange(width, dtype=np.float32) + 0.5) / width)[:, None] * frequencies
    rows = np.concatenate([np.sin(y), np.cos(y)], 1)[:, None].repeat(width, 1)
    columns = np.concatenate([np.sin(x), np.cos(x)], 1)[None].repeat(height, 0)
    return _frozen(np.concatenate([rows, columns], -1).reshape(height * width, dim).T[None])


@lru_cache(maxsize=32)
def query_place(grid: Grid, log_sigma: float) -> np.ndarray:
    """(Q, 4) float32: further key channels of the current view; their products with `memory_place` are the prior."""
    place, fall_off = _place(grid, max(grid), log_sigma, (0.0, 0.0))
    return _frozen(np.concatenate([place, np.ones_like(fall_off), fall_off]).T)


def memory_place(
    grid: Grid, longest: int, log_sigma: float, shift: tuple[float, float], spread: float, bonus: float
) -> np.ndarray:
    """(4, Q) float32: the same for a remembered view.

    Args:
        grid: Of the remembered view.
        longest: Longer side of the current view's grid.
        log_sigma: Log of the prior's standard deviation, in units of that side.
        shift: How far things have moved since, in cells (rows, columns), from the middle of a grid.
        spread: Factor on the standard deviation; 0 is no prior.
        bonus: Added to all logits of this view.
    """
    place, fall_off = _place(grid, longest, log_sigma, shift)
    weight = np.float32(0 if spread == 0 else 1 / spread**2)
    return np.concatenate([place * weight, fall_off * weight + np.float32(bonus), np.full_like(fall_off, weight)])


def _place(grid: Grid, longest: int, log_sigma: float, shift: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Positions (2, Q) from the middle of a grid, shifted, in standard deviations; (1, Q) minus half their squares."""
    y, x = (
        (np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2 - by)) / np.float32(longest)
        for side, by in zip(grid, shift, strict=True)
    )
    place = np.empty((2, *grid), np.float32)
    place[0], place[1] = y[:, None], x
    place = (place * np.exp(np.float32(-log_sigma))).reshape(2, -1)
    return place, np.float32(-0.5) * np.square(place).sum(0, keepdims=True)


def _frozen(array: np.ndarray) -> np.ndarray:
    """The array, contiguous and read-only, because many callers share it."""
    array = np.ascontiguousarray(array, np.float32)
    array.flags.writeable = False
    return array
