"""HOTA and IDF1 against TrackEval itself, where it is installed.

It is not among the development packages, because it needs opencv-python, which takes the place of the headless build:
`pip install --no-deps --target FOLDER trackeval tabulate`, and FOLDER in PYTHONPATH.
"""

from __future__ import annotations

import numpy as np
import pytest

from eval.hota import hota_counts
from eval.identity import identity_counts
from eval.overlaps import FrameOverlaps, overlaps_of
from tests.eval.random_tracks import random_tracks

trackeval = pytest.importorskip("trackeval")


def official(frames: list[FrameOverlaps]) -> list[float]:
    """HOTA, DetA, AssA and IDF1 of a sequence."""
    sides = []
    for ids in ([frame.true_ids for frame in frames], [frame.predicted_ids for frame in frames]):
        known = sorted({key for row in ids for key in row.tolist()})
        sides.append(([np.array([known.index(key) for key in row.tolist()], int) for row in ids], len(known)))
    (true, true_count), (predicted, predicted_count) = sides
    data = {
        "num_timesteps": len(frames),
        "gt_ids": true,
        "tracker_ids": predicted,
        "num_gt_ids": true_count,
        "num_tracker_ids": predicted_count,
        "num_gt_dets": sum(map(len, true)),
        "num_tracker_dets": sum(map(len, predicted)),
        "similarity_scores": [frame.iou for frame in frames],
    }
    hota = trackeval.metrics.HOTA().eval_sequence(data)
    identity = trackeval.metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    return [*(float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA")), float(identity["IDF1"])]


@pytest.mark.parametrize("first", range(1000, 1100, 25))
def test_equals_trackeval_on_random_tracks(first: int) -> None:
    for seed in range(first, first + 25):
        frames = [overlaps_of(*pair) for pair in zip(*random_tracks(seed), strict=True)]
        hota, identity = hota_counts(frames), identity_counts(frames)
        ours = [hota.hota, hota.det_a, hota.ass_a, identity.idf1]
        assert ours == pytest.approx(official(frames), abs=1e-9), seed
