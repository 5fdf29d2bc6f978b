"""Temporal stability T of DAVIS-2016: how much the contour of a predicted object changes from frame to frame.

Definition (Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016,
section 4): the contours of consecutive masks are simplified to polygons, their points are matched by shape contexts
with dynamic time warping, and T is the mean cost of the matched pairs, times 5 as in the published code. Lower is
steadier. Ground truth is not needed. The published table leaves out sequences with strong occlusions or deformations.

The published code joins pixels that touch at a corner only, in an order that depends on its tables; here they belong to
different contours. Numbers are equal where a mask has no such pixels and no two alignments cost the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.contours import longest_contour, sample
from eval.errors import DatasetError
from eval.png import read_labels
from eval.shape_context import histogram_costs, matching_cost, shape_contexts

SCALE = 5.0
# In pixels; the published code simplifies by 3 on a grid of half pixels.
_TOLERANCE = 1.5
_SPACING = 3.0


def instability(first: np.ndarray, second: np.ndarray) -> float:
    """T of two consecutive (H, W) bool masks, 0 for equal ones; nan if one has no contour."""
    return _instability(longest_contour(first, _TOLERANCE), longest_contour(second, _TOLERANCE))


def _instability(first: np.ndarray | None, second: np.ndarray | None) -> float:
    if first is None or second is None:
        return float("nan")
    before, after = (shape_contexts(sample(contour, _SPACING)) for contour in (first, second))
    return SCALE * matching_cost(histogram_costs(before, after))


@dataclass(frozen=True, slots=True)
class ObjectStability:
    """T of one object over the frames of a sequence.

    Attributes:
        sequence: Name of its folder.
        object_id: Its id; 255 for masks of 0 and 255.
        pairs: Pairs of neighbouring frames that both show it.
        t: Mean over these pairs; nan without one.
    """

    sequence: str
    object_id: int
    pairs: int
    t: float


def folder_stability(folder: Path, *, skip_ends: bool = True) -> list[ObjectStability]:
    """T of every object in <folder>/<frame>.png, in the order of ids. Holds one frame at a time.

    Args:
        folder: Index maps or masks of 0 and 255 of one sequence.
        skip_ends: Whether to leave out the first frame and the last, as DAVIS does.

    Raises:
        DatasetError: There are too few masks.
        MaskFileError: A mask cannot be read.
    """
    paths = sorted(folder.glob("*.png"))[1 if skip_ends else 0 : -1 if skip_ends else None]
    if len(paths) < 2:
        ends = " without the first and the last" if skip_ends else ""
        raise DatasetError(f"{folder}: {len(paths)} mask(s) (*.png){ends}; at least two are needed")
    last: dict[int, np.ndarray | None] = {}
    values: dict[int, list[float]] = {}
    for path in paths:
        labels = read_labels(path)
        ids = set(np.unique(labels).tolist()) - {0}
        contours = {key: longest_contour(labels == key, _TOLERANCE) for key in ids}
        for key, contour in contours.items():
            values.setdefault(key, []).append(_instability(last.get(key), contour))
        last = contours
    rows = []
    for key in sorted(values):
        found = [value for value in values[key] if not np.isnan(value)]
        rows.append(ObjectStability(folder.name, key, len(found), float(np.mean(found)) if found else float("nan")))
    return rows
