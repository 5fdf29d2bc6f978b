"""Mean, recall and decay of a measure over the frames of a sequence (Perazzi et al., CVPR 2016, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RECALL_THRESHOLD = 0.5
_DECAY_BINS = 4


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of J or F over frames, or their means over objects.

    Attributes:
        mean: Mean over the frames, in [0, 1].
        recall: Share of the frames above 0.5, in [0, 1].
        decay: Mean of the first quarter minus mean of the last, in [-1, 1]; positive when quality is lost.
    """

    mean: float
    recall: float
    decay: float


def frame_statistics(values: np.ndarray) -> Statistics:
    """Statistics of the values of one object.

    Parity: neighbouring quarters share a frame, as in davis2017-evaluation. The official code keeps the borders of the
    quarters in uint8, so that its decay is wrong or nan from 256 frames on; here they are integers. Up to 255 frames
    the numbers are the same.

    Args:
        values: (T,) float64, T at least 1.
    """
    edges = (np.round(np.linspace(1, len(values), _DECAY_BINS + 1) + 1e-10) - 1).astype(np.int64)
    first, last = values[edges[0] : edges[1] + 1], values[edges[-2] : edges[-1] + 1]
    return Statistics(
        mean=float(np.mean(values)),
        recall=float(np.mean(values > RECALL_THRESHOLD)),
        decay=float(np.mean(first) - np.mean(last)),
    )


def mean_statistics(rows: list[Statistics]) -> Statistics:
    """Means over objects. `rows` has at least one entry."""
    return Statistics(
        mean=float(np.mean([row.mean for row in rows])),
        recall=float(np.mean([row.recall for row in rows])),
        decay=float(np.mean([row.decay for row in rows])),
    )
