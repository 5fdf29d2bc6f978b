"""Positions of cells, as the network wants them; the PyTorch side has the same in its layers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

Grid = tuple[int, int]


@lru_cache(maxsize=32)
def sine_position(grid: Grid, dim: int) -> np.ndarray:
    """(1, h*w, dim) float32: sines and cosines of y and x, each in [0, 1], at log-spaced frequencies."""
    height, width = grid
    frequencies = np.pi * np.logspace(0, 1.3, dim // 4, dtype=np.float32)
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None] * frequencies
    x = ((np.arange(width, dtype=np.float32) + 0.5) / width)[:, None] * frequencies
    rows = np.concatenate([np.sin(y), np.cos(y)], 1)[:, None].repeat(width, 1)
    columns = np.concatenate([np.sin(x), np.cos(x)], 1)[None].repeat(height, 0)
    return _frozen(np.concatenate([rows, columns], -1).reshape(1, height * width, dim))


@lru_cache(maxsize=32)
def query_place(grid: Grid, log_sigma: float) -> np.ndarray:
    """(h*w, 4) float32: further key channels of the current view, for the prior on distance."""
    place, fall_off = _place(grid, max(grid), log_sigma)
    return _frozen(np.concatenate([place, np.ones_like(fall_off), fall_off], 1))


@lru_cache(maxsize=128)
def memory_place(grid: Grid, longest: int, log_sigma: float) -> np.ndarray:
    """(h*w, 4) float32: the same for a remembered view, read by one whose longer side has `longest` cells."""
    place, fall_off = _place(grid, longest, log_sigma)
    return _frozen(np.concatenate([place, fall_off, np.ones_like(fall_off)], 1))


def _place(grid: Grid, longest: int, log_sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions (h*w, 2) from the middle of a grid in units of the prior's deviation, and minus half their squares."""
    y, x = ((np.arange(side, dtype=np.float32) - (side - 1) / 2) / longest for side in grid)
    place = np.stack(np.meshgrid(y, x, indexing="ij"), 2).reshape(-1, 2) * np.exp(np.float32(-log_sigma))
    return place.astype(np.float32), -0.5 * np.square(place).sum(1, keepdims=True, dtype=np.float32)


def _frozen(array: np.ndarray) -> np.ndarray:
    """The array, contiguous and read-only, because many callers share it."""
    array = np.ascontiguousarray(array, np.float32)
    array.flags.writeable = False
    return array
