"""Checks of single values in a row of a job list, and the error that they raise."""

from __future__ import annotations

import os


class RowError(Exception):
    """What is wrong with one row."""


def single(name: str, values: list[str]) -> str:
    """The only value of a column. Raises RowError if there are more."""
    if len(values) != 1:
        raise RowError(f"{name}: one value expected, not {len(values)}")
    return values[0]


def existing(base: str, name: str, value: str) -> str:
    """Path of a file or folder that a column names, from the folder `base`. Raises RowError if it does not exist."""
    path = os.path.join(base, value)
    if not os.path.exists(path):
        raise RowError(f"{name} {value}: no such file")
    return path
