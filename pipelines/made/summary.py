"""Scores of many clips together: a row a factor, and one for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.made.scores import SOON, ClipScores


@dataclass(frozen=True, slots=True)
class Summary:
    """Scores of some clips.

    Attributes:
        factor: Their factor, or "all".
        clips, objects: How many.
        j_and_f, j, f: Means over clips, in [0, 1].
        spread: Standard error of `j_and_f` over clips; None for a single clip.
        crossings, kept: Objects judged after a crossing, and those with their identity.
        returns, found, found_soon: Returns, those found at all, and those found within five frames.
        absent_frames: Frames without an object, counted for each object.
        painted: Mean over these of the pixels painted, as a share of those in the object's first frame; None without.
        milliseconds: Tracking per frame.
        peak_bytes: Largest peak memory of a process; None where it cannot be read.
    """

    factor: str
    clips: int
    objects: int
    j_and_f: float
    j: float
    f: float
    spread: float | None
    crossings: int
    kept: int
    returns: int
    found: int
    found_soon: int
    absent_frames: int
    painted: float | None
    milliseconds: float
    peak_bytes: int | None


def summarise(scores: Sequence[ClipScores], factor: str = "all") -> Summary:
    """Summary of clips, at least one."""
    values = [item.j_and_f for item in scores]
    mean = sum(values) / len(values)
    spread = None
    if len(values) > 1:
        spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))
    kept = [one for item in scores for one in item.kept]
    after = [one for item in scores for one in item.found_after]
    painted = [one for item in scores for one in item.painted]
    peaks = [item.peak_bytes for item in scores if item.peak_bytes is not None]
    return Summary(
        factor=factor,
        clips=len(scores),
        objects=sum(item.objects for item in scores),
        j_and_f=mean,
        j=sum(item.j for item in scores) / len(scores),
        f=sum(item.f for item in scores) / len(scores),
        spread=spread,
        crossings=len(kept),
        kept=sum(kept),
        returns=len(after),
        found=sum(one is not None for one in after),
        found_soon=sum(one is not None and one <= SOON for one in after),
        absent_frames=len(painted),
        painted=sum(painted) / len(painted) if painted else None,
        milliseconds=1000 * sum(item.seconds for item in scores) / sum(item.frames for item in scores),
        peak_bytes=max(peaks, default=None),
    )


def by_factor(scores: Sequence[ClipScores]) -> tuple[Summary, ...]:
    """A summary for each factor, in the order of the clips, and one for all."""
    factors = dict.fromkeys(item.factor for item in scores)
    rows = [summarise([item for item in scores if item.factor == factor], factor) for factor in factors]
    return (*rows, summarise(scores))
