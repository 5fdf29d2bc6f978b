"""Arrays that come back from a file: they may have been changed since, and a wrong shape is found far too late."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# The type of an array, and its size along each axis; None is any size.
Expected = tuple[type[np.generic], tuple[int | None, ...]]


def check_arrays(arrays: Mapping[str, np.ndarray], expected: Mapping[str, Expected]) -> None:
    """Compares names, types and shapes, and looks for values that are no finite numbers.

    Raises:
        ValueError: Something is not as expected; the message names the array.
    """
    if arrays.keys() != expected.keys():
        raise ValueError(f"expected the arrays {sorted(expected)}, found {sorted(arrays)}")
    for name, (kind, shape) in expected.items():
        array = arrays[name]
        fits = array.ndim == len(shape) and all(
            wanted in (None, size) for wanted, size in zip(shape, array.shape, strict=True)
        )
        if array.dtype != kind or not fits:
            wanted_shape = "x".join("n" if size is None else str(size) for size in shape)
            raise ValueError(f"{name} is {array.dtype} of shape {array.shape}, not {kind.__name__} of {wanted_shape}")
        if np.issubdtype(kind, np.floating) and not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are no finite numbers")


def grid_of(arrays: Mapping[str, np.ndarray], most: int = 4096) -> tuple[int, int]:
    """Rows and columns that an array `grid` gives. Raises ValueError if it is none, or has a side above `most`."""
    grid = arrays.get("grid")
    if grid is None or grid.shape != (2,) or grid.dtype != np.int64 or not ((grid > 0) & (grid <= most)).all():
        raise ValueError("grid is not the rows and columns of a view")
    return int(grid[0]), int(grid[1])
