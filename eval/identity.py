"""IDF1: the share of masks that carry the right identity, with true and predicted tracks assigned one to one.

Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", ECCV Workshops 2016. Two
masks agree at an IoU of 0.5 or more; tracks are assigned for the whole sequence so that as many masks as possible
agree with their partner's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from eval.overlaps import FrameOverlaps

THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class IdentityCounts:
    """Counts of a sequence, or sums over sequences.

    Attributes:
        agreeing: Masks that agree with that of the assigned track.
        true, predicted: All masks of either side.
    """

    agreeing: int
    true: int
    predicted: int

    @property
    def idf1(self) -> float:
        """2 agreeing / (true + predicted) in [0, 1]; 0 without masks."""
        return 2 * self.agreeing / max(1, self.true + self.predicted)


def identity_counts(frames: Sequence[FrameOverlaps]) -> IdentityCounts:
    """Counts of one sequence."""
    from scipy.optimize import linear_sum_assignment

    agreeing: dict[tuple[int, int], int] = {}
    true = predicted = 0
    for frame in frames:
        true += len(frame.true_ids)
        predicted += len(frame.predicted_ids)
        for row, column in np.argwhere(frame.iou >= THRESHOLD).tolist():
            pair = (int(frame.true_ids[row]), int(frame.predicted_ids[column]))
            agreeing[pair] = agreeing.get(pair, 0) + 1
    rows = {key: number for number, key in enumerate(sorted({a for a, _ in agreeing}))}
    columns = {key: number for number, key in enumerate(sorted({b for _, b in agreeing}))}
    table = np.zeros((len(rows), len(columns)), np.int64)
    for (a, b), count in agreeing.items():
        table[rows[a], columns[b]] = count
    chosen = linear_sum_assignment(-table)
    return IdentityCounts(int(table[chosen].sum()), true, predicted)


def sum_identities(sequences: Iterable[IdentityCounts]) -> IdentityCounts:
    """Counts of all sequences together."""
    found = list(sequences)
    return IdentityCounts(*(sum(getattr(item, name) for item in found) for name in ("agreeing", "true", "predicted")))
