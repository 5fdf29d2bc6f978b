"""Scores of the frames in which an object is absent, and of those after its return, as MOSEv2 defines them.

An absence is a run of scored frames whose true mask is empty, a return the run of frames with the object after it. The
score of a run is its mean over frames; the score of an object is the mean over its runs. An absence with which the
scored frames begin is not counted, since the object has not disappeared; the return after it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of frames of one object, as ranges of positions.

    Attributes:
        absences: Without the object, after frames with it.
        returns: With the object, after frames without it.
    """

    absences: tuple[range, ...]
    returns: tuple[range, ...]


def find_runs(absent: np.ndarray) -> Runs:
    """The runs of an object whose true mask is empty where `absent`, (T,) bool, is set."""
    absences: list[range] = []
    returns: list[range] = []
    start = 0
    for is_absent, frames in groupby(absent.tolist()):
        stop = start + len(list(frames))
        if start > 0:
            (absences if is_absent else returns).append(range(start, stop))
        start = stop
    return Runs(tuple(absences), tuple(returns))


def mean_over_runs(values: np.ndarray, runs: tuple[range, ...]) -> float | None:
    """Mean over runs of the mean of (T,) `values` in each; None without a run."""
    if not runs:
        return None
    return float(np.mean([values[run.start : run.stop].mean() for run in runs]))
