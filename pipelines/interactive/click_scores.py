"""What is measured of clicks: one row per case, and the numbers over all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CLICKS = (1, 2, 3, 5, 10)
"""Numbers of clicks that are reported."""


@dataclass(frozen=True, slots=True)
class CurveCase:
    """One object of one picture, clicked until right.

    Attributes:
        name: Picture, and object in it.
        area: Pixels of the object.
        iou: After 1, 2, ... clicks. A mask without a wrong pixel keeps its 1 for the clicks that are not made.
        collateral: Per click from the second on: pixels changed outside the clicked error, over the object's pixels.
        disobeyed: Clicked pixels that the mask after the last click has the wrong way round.
        refused: Why a click was refused; the mask stays as it was. None if none was.
    """

    name: str
    area: int
    iou: tuple[float, ...]
    collateral: tuple[float, ...]
    disobeyed: int
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class TrackedCase:
    """One corrective click on a frame in which the object was tracked.

    Attributes:
        name: Sequence, frame and object.
        area: True pixels of the object in the frame.
        is_positive: Whether the click is on the object.
        error: Pixels of the clicked error over those of the object.
        iou, iou_after: Of the frame, before and after the click.
        later, later_after: Mean IoU of the frames after it, without and with the click.
        frames: How many frames that are.
        collateral: Pixels changed outside the clicked error, over the object's pixels.
        harm: Of these the ones that were right before.
        is_obeyed: Whether the clicked pixel is what the click says.
        refused: Why the click was refused; then nothing changes. None if it was not.
    """

    name: str
    area: int
    is_positive: bool
    error: float
    iou: float
    iou_after: float
    later: float
    later_after: float
    frames: int
    collateral: float
    harm: float
    is_obeyed: bool
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class CurveScores:
    """Means over cases.

    Attributes:
        cases: Number of objects.
        iou: Mean IoU after each number of clicks of `CLICKS`.
        never_falls: Whether the mean IoU rises, or stays, from every click to the next.
        improved: Share of the clicks after the first that raise the IoU.
        gain_of_three: Mean IoU after three clicks minus that after one.
        collateral: Mean of pixels changed outside the clicked error, over the object's pixels.
        disobeyed: Clicked pixels that the last mask has the wrong way round.
        refused: Cases with a refused click.
    """

    cases: int
    iou: dict[int, float]
    never_falls: bool
    improved: float
    gain_of_three: float
    collateral: float
    disobeyed: int
    refused: int


@dataclass(frozen=True, slots=True)
class TrackedScores:
    """Shares and means over cases.

    Attributes:
        cases: Number of corrected frames.
        iou, iou_after, later, later_after: Means, as in `TrackedCase`.
        improved: Share of cases in which the IoU of the frame rises.
        later_improved: Share in which the mean IoU of the frames after it rises.
        later_kept: Share in which it falls by at most .001.
        collateral, harm: Means, as in `TrackedCase`.
        disobeyed, refused: Numbers of cases.
    """

    cases: int
    iou: float
    iou_after: float
    later: float
    later_after: float
    improved: float
    later_improved: float
    later_kept: float
    collateral: float
    harm: float
    disobeyed: int
    refused: int


_KEPT = 0.001


def curve_scores(cases: Sequence[CurveCase]) -> CurveScores:
    """Numbers over at least one case; all cases have the same number of clicks."""
    curves = np.array([case.iou for case in cases])
    means = curves.mean(0)
    steps = np.diff(curves, axis=1)
    # A click that was not made, since nothing was wrong any more, neither improves nor fails to.
    made = curves[:, :-1] < 1
    third = min(3, curves.shape[1])
    collateral = [value for case in cases for value in case.collateral]
    return CurveScores(
        cases=len(cases),
        iou={number: float(means[number - 1]) for number in CLICKS if number <= len(means)},
        never_falls=bool((np.diff(means) >= 0).all()),
        improved=float((steps[made] > 0).mean()) if made.any() else 1.0,
        gain_of_three=float(means[third - 1] - means[0]),
        collateral=float(np.mean(collateral)) if collateral else 0.0,
        disobeyed=sum(case.disobeyed for case in cases),
        refused=sum(case.refused is not None for case in cases),
    )


def tracked_scores(cases: Sequence[TrackedCase]) -> TrackedScores:
    """Numbers over at least one case."""

    def mean(field: str) -> float:
        return float(np.mean([getattr(case, field) for case in cases]))

    return TrackedScores(
        cases=len(cases),
        iou=mean("iou"),
        iou_after=mean("iou_after"),
        later=mean("later"),
        later_after=mean("later_after"),
        improved=float(np.mean([case.iou_after > case.iou for case in cases])),
        later_improved=float(np.mean([case.later_after > case.later for case in cases])),
        later_kept=float(np.mean([case.later_after >= case.later - _KEPT for case in cases])),
        collateral=mean("collateral"),
        harm=mean("harm"),
        disobeyed=sum(not case.is_obeyed for case in cases),
        refused=sum(case.refused is not None for case in cases),
    )
