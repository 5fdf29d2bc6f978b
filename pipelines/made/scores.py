"""Scores of a clip against its exact truth, counted while it is tracked.

* J and F of every tracked object in all frames but the first, in which it is given.
* Found again: of each return after an absence of at least three frames, the frames from when half of what the object
  shows in the ten frames after is in view until its mask has an IoU of 0.5.
* Identity: two figures have crossed when their outlines have overlapped by a fifth of the smaller. Four frames after
  they are apart, the mask of each that is tracked must have more pixels on its own figure than on any other, and on the
  ground.
* Painted while absent: pixels of its mask per frame without it, over its pixels in the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from eval.counting import count_by_id
from eval.masks import LabelMap
from eval.measures import MaskCounts, boundary_measure, region_similarity
from eval.visibility import find_runs
from pipelines.made.render import Frame

FOUND = 0.5
SOON = 5
"""Frames within which an object should be found again."""
_LEAST_ABSENCE = 3
_SETTLED = 10
_CROSSED = 0.2
_APART = 4


@dataclass(frozen=True, slots=True)
class ClipScores:
    """Scores of one clip.

    Attributes:
        name, factor: Of the clip.
        objects, frames: How many.
        j, f: Means over objects, in [0, 1].
        found_after: Of each return, the frames until the object is found; None for never.
        kept: Of each crossing and tracked object, whether the identity is kept.
        painted: Of each frame without an object, the pixels painted over those of the first frame.
        seconds: What tracking took, without drawing.
        peak_bytes: Peak memory of the process; None where it cannot be read.
    """

    name: str
    factor: str
    objects: int
    frames: int
    j: float
    f: float
    found_after: tuple[int | None, ...]
    kept: tuple[bool, ...]
    painted: tuple[float, ...]
    seconds: float = 0.0
    peak_bytes: int | None = None

    @property
    def j_and_f(self) -> float:
        """Mean of both."""
        return (self.j + self.f) / 2


@dataclass(slots=True)
class ClipScorer:
    """Takes frame by frame what is true and what was tracked.

    Attributes:
        tracked: Objects 1 to `tracked` are scored.
    """

    tracked: int
    _j: list[np.ndarray] = field(default_factory=list)
    _f: list[np.ndarray] = field(default_factory=list)
    _area: list[np.ndarray] = field(default_factory=list)
    _painted: list[np.ndarray] = field(default_factory=list)
    _on: list[np.ndarray] = field(default_factory=list)
    _overlaps: list[dict[tuple[int, int], float]] = field(default_factory=list)

    def add(self, frame: Frame, labels: np.ndarray) -> None:
        """Counts a frame; `labels`, (H, W), are what was tracked in it."""
        ids = tuple(range(1, self.tracked + 1))
        counts = MaskCounts(*count_by_id(LabelMap(labels), LabelMap(frame.figures), ids))
        self._j.append(region_similarity(counts))
        self._f.append(boundary_measure(counts))
        self._area.append(counts.true_area)
        figures = int(frame.figures.max()) + 1
        pairs = np.minimum(labels, self.tracked).astype(np.int64) * figures + frame.figures
        on = np.bincount(pairs.ravel(), minlength=(self.tracked + 1) * figures).reshape(-1, figures)[1:]
        self._on.append(on[: self.tracked])
        self._painted.append(on[: self.tracked].sum(1))
        self._overlaps.append(frame.overlaps)

    def scores(self, name: str, factor: str) -> ClipScores:
        """The scores of all frames so far, at least two."""
        area, j, f = np.stack(self._area), np.stack(self._j), np.stack(self._f)
        absent = area == 0
        painted = np.stack(self._painted) / np.maximum(area[0], 1)
        return ClipScores(
            name=name,
            factor=factor,
            objects=self.tracked,
            frames=len(area),
            j=float(j[1:].mean(0).mean()),
            f=float(f[1:].mean(0).mean()),
            found_after=tuple(
                found for number in range(self.tracked) for found in _returns(area[:, number], j[:, number])
            ),
            kept=self._kept(),
            painted=tuple(painted[absent].tolist()),
        )

    def _kept(self) -> tuple[bool, ...]:
        kept = []
        for pair in sorted({pair for frame in self._overlaps for pair in frame}):
            overlap = np.array([frame.get(pair, 0.0) for frame in self._overlaps])
            for run in _runs(overlap > 0):
                judged = run.stop - 1 + _APART
                if overlap[run.start : run.stop].max() < _CROSSED or judged >= len(overlap):
                    continue
                for number in pair:
                    if number <= self.tracked and self._area[judged][number - 1]:
                        on = self._on[judged][number - 1]
                        kept.append(bool(on[number] > np.delete(on, number).max()) if number < len(on) else False)
        return tuple(kept)


def _returns(area: np.ndarray, j: np.ndarray) -> list[int | None]:
    found: list[int | None] = []
    for run in find_runs(area == 0).returns:
        absence = next(gone for gone in find_runs(area == 0).absences if gone.stop == run.start)
        if len(absence) < _LEAST_ABSENCE:
            continue
        half = area[run.start : run.start + _SETTLED].max() / 2
        back = run.start + int(np.argmax(area[run.start : run.stop] >= half))
        found.append(next((frame - back for frame in range(back, run.stop) if j[frame] >= FOUND), None))
    return found


def _runs(is_set: np.ndarray) -> list[range]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_set.astype(np.int8), [0]])))
    return [range(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
