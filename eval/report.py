"""The result of an evaluation: per frame, per object, per sequence, and overall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eval.plan import SequencePlan
from eval.scoring import ObjectSeries
from eval.statistics import Statistics, frame_statistics, mean_statistics


@dataclass(frozen=True, slots=True, eq=False)
class ObjectScores:
    """Scores of one object.

    Attributes:
        sequence: Name of its sequence.
        series: Its J and F per frame, with its name and ids.
        j, f: Statistics over those frames.
    """

    sequence: str
    series: ObjectSeries
    j: Statistics
    f: Statistics

    @property
    def name(self) -> str:
        """Name of the row, by default "<sequence>_<k>"."""
        return self.series.name

    @property
    def j_and_f(self) -> float:
        """Mean of mean J and mean F."""
        return (self.j.mean + self.f.mean) / 2


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """Means over the objects of one sequence."""

    name: str
    objects: int
    frames: int
    j: Statistics
    f: Statistics

    @property
    def j_and_f(self) -> float:
        """Mean of mean J and mean F."""
        return (self.j.mean + self.f.mean) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Scores of one folder of predictions.

    Attributes:
        dataset, split: What was scored.
        objects: One entry per scored object, sequence by sequence.
        headline: The numbers that the data set's papers quote, in their order.
        notes: Remarks on what was or was not scored.
        missing: Predicted files that were absent and scored as empty.
        plans: What was scored, with the places of the masks.
    """

    dataset: str
    split: str
    objects: tuple[ObjectScores, ...]
    headline: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    plans: tuple[SequencePlan, ...] = ()

    @property
    def j(self) -> Statistics:
        """Means of the statistics of J over all objects (not over sequences)."""
        return mean_statistics([item.j for item in self.objects])

    @property
    def f(self) -> Statistics:
        """Means of the statistics of F over all objects (not over sequences)."""
        return mean_statistics([item.f for item in self.objects])

    @property
    def j_and_f(self) -> float:
        """(mean J + mean F) / 2 over all objects."""
        return (self.j.mean + self.f.mean) / 2

    @property
    def sequences(self) -> tuple[SequenceScores, ...]:
        """Scores of each sequence that has an object, in order."""
        by_name: dict[str, list[ObjectScores]] = {}
        for item in self.objects:
            by_name.setdefault(item.sequence, []).append(item)
        return tuple(
            SequenceScores(
                name=name,
                objects=len(items),
                frames=max(len(item.series.stems) for item in items),
                j=mean_statistics([item.j for item in items]),
                f=mean_statistics([item.f for item in items]),
            )
            for name, items in by_name.items()
        )

    def group_means(self, group: str) -> tuple[float, float]:
        """Mean J and mean F over the objects of one group; nan if it has none."""
        chosen = [item for item in self.objects if item.series.group == group]
        if not chosen:
            return float("nan"), float("nan")
        return float(np.mean([item.j.mean for item in chosen])), float(np.mean([item.f.mean for item in chosen]))


def object_scores(sequence: str, series: ObjectSeries) -> ObjectScores:
    """Adds the statistics to the series of one object."""
    return ObjectScores(sequence, series, frame_statistics(series.j), frame_statistics(series.f))
