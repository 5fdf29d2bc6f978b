"""HOTA: higher order tracking accuracy, for masks whose ids need not agree with those of the ground truth.

Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV 2021. At each of 19 thresholds
of IoU, DetA = TP / (TP + FN + FP) counts matched masks, and AssA averages over them the share of frames in which the
two tracks are matched with each other. HOTA is the geometric mean of both, averaged over the thresholds. Masks of a
frame are matched one to one so that the tracks that overlap most in the whole sequence go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from eval.overlaps import FrameOverlaps

THRESHOLDS = np.arange(0.05, 0.99, 0.05)
_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class HotaCounts:
    """Counts of a sequence, or sums over sequences; (19,) float64 arrays, one entry a threshold.

    Attributes:
        matched: True positives.
        missed: True masks without a match.
        extra: Predicted masks without a match.
        association: Sum of the association scores of the matches.
    """

    matched: np.ndarray
    missed: np.ndarray
    extra: np.ndarray
    association: np.ndarray

    @property
    def det_a(self) -> float:
        """Detection accuracy, mean over the thresholds."""
        return float(self._detection().mean())

    @property
    def ass_a(self) -> float:
        """Association accuracy, mean over the thresholds."""
        return float(self._association().mean())

    @property
    def hota(self) -> float:
        """Mean over the thresholds of the geometric mean of both."""
        return float(np.sqrt(self._detection() * self._association()).mean())

    def _detection(self) -> np.ndarray:
        return np.asarray(self.matched / np.maximum(1, self.matched + self.missed + self.extra))

    def _association(self) -> np.ndarray:
        return np.asarray(self.association / np.maximum(1, self.matched))


def hota_counts(frames: Sequence[FrameOverlaps]) -> HotaCounts:
    """Counts of one sequence."""
    # Only this measure and the matching of proposals need it, and it takes long to import.
    from scipy.optimize import linear_sum_assignment

    rows, columns = (_numbered(frame.true_ids for frame in frames), _numbered(frame.predicted_ids for frame in frames))
    true_frames, predicted_frames = np.zeros((len(rows), 1)), np.zeros((1, len(columns)))
    together = np.zeros((len(rows), len(columns)))
    places = [([rows[i] for i in f.true_ids.tolist()], [columns[i] for i in f.predicted_ids.tolist()]) for f in frames]
    for frame, (true, predicted) in zip(frames, places, strict=True):
        others = frame.iou.sum(axis=0)[None, :] + frame.iou.sum(axis=1)[:, None] - frame.iou
        together[np.ix_(true, predicted)] += np.where(others > _TINY, frame.iou / np.maximum(others, _TINY), 0.0)
        true_frames[true] += 1
        predicted_frames[0, predicted] += 1
    alignment = together / np.maximum(true_frames + predicted_frames - together, _TINY)
    counts = HotaCounts(*(np.zeros(len(THRESHOLDS)) for _ in range(4)))
    pairs = np.zeros((len(THRESHOLDS), len(rows), len(columns)))
    for frame, (true, predicted) in zip(frames, places, strict=True):
        chosen = linear_sum_assignment(-alignment[np.ix_(true, predicted)] * frame.iou)
        is_match = frame.iou[chosen][None, :] >= THRESHOLDS[:, None] - _TINY
        matches = is_match.sum(axis=1)
        counts.matched[:] += matches
        counts.missed[:] += len(true) - matches
        counts.extra[:] += len(predicted) - matches
        pairs[:, np.array(true, int)[chosen[0]], np.array(predicted, int)[chosen[1]]] += is_match
    scores = pairs / np.maximum(1, true_frames + predicted_frames - pairs)
    counts.association[:] = (pairs * scores).sum(axis=(1, 2))
    return counts


def sum_counts(sequences: Iterable[HotaCounts]) -> HotaCounts:
    """Counts of all sequences together: every mask counts alike, and so every matched pair."""
    found = list(sequences)
    names = ("matched", "missed", "extra", "association")
    return HotaCounts(*(np.sum([getattr(item, name) for item in found], axis=0) for name in names))


def _numbered(ids: Iterable[np.ndarray]) -> dict[int, int]:
    """Id -> 0, 1, ... of all ids that occur."""
    return {key: number for number, key in enumerate(sorted({i for row in ids for i in row.tolist()}))}
