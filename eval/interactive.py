"""DAVIS interactive: area under the curve of J&F over time, and J&F after 60 seconds, from a table of interactions.

Rules of the DAVIS interactive challenge (Caelles et al., "The 2018 DAVIS Challenge on Video Object Segmentation",
section 3, and the evaluation service of davis-interactive). Every interaction of every sample (a sequence with one
of its first scribbles) has J and F for each object and frame, and the time it took. The curve has one point per
interaction: the mean quality over sequences, scribbles and objects, at the mean time spent until then.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from eval.errors import DatasetError, EvalUsageError
from eval.input_files import read_file

Metric = Literal["J", "F", "J_AND_F"]
SECONDS_PER_OBJECT = 30.0
THRESHOLD_SECONDS = 60.0
MAX_INTERACTIONS = 8
_COLUMNS = ("sequence", "scribble_idx", "interaction", "object_id", "frame", "jaccard", "contour", "timing")


@dataclass(frozen=True, slots=True)
class Interaction:
    """One row of the table: the quality of one object in one frame after one interaction.

    Attributes:
        sequence, scribble: The sample.
        interaction: From 1.
        object_id: From 1.
        frame: From 0; all frames count.
        j, f: In [0, 1].
        seconds: Time that this interaction took (the same in all its rows).
    """

    sequence: str
    scribble: int
    interaction: int
    object_id: int
    frame: int
    j: float
    f: float
    seconds: float


@dataclass(frozen=True, slots=True)
class InteractiveScores:
    """Scores of a session.

    Attributes:
        auc: Area under the curve, divided by its length in time; in [0, 1].
        at_threshold: Quality interpolated at `threshold` seconds.
        threshold: Seconds.
        times, values: The curve, from (0, 0) to the time limit.
    """

    auc: float
    at_threshold: float
    threshold: float
    times: tuple[float, ...]
    values: tuple[float, ...]


def score_interactions(
    rows: Iterable[Interaction],
    *,
    metric: Metric = "J_AND_F",
    seconds_per_object: float = SECONDS_PER_OBJECT,
    threshold: float = THRESHOLD_SECONDS,
    interactions: int = MAX_INTERACTIONS,
) -> InteractiveScores:
    """Scores a table of interactions.

    A sample that ends before `interactions` keeps its last result at no further cost. The curve ends at the time limit:
    `seconds_per_object` times the mean number of objects of the sequences in the table.

    Raises:
        EvalUsageError: The table is empty, has values out of range, or skips an interaction.
    """
    quality, seconds = _by_interaction(rows, metric)
    samples = sorted({(sequence, scribble) for sequence, scribble, _ in quality})
    curve_quality: list[list[float]] = [[] for _ in range(interactions)]
    curve_seconds: list[list[float]] = [[] for _ in range(interactions)]
    for sequence, scribble in samples:
        done = [n for s, c, n in quality if (s, c) == (sequence, scribble)]
        if sorted(done) != list(range(1, len(done) + 1)):
            raise EvalUsageError(f"{sequence}, scribble {scribble}: interactions must be 1, 2, ... without a gap")
        last: dict[int, float] = {}
        for number in range(1, interactions + 1):
            key = (sequence, scribble, number)
            last = quality.get(key, last)
            curve_quality[number - 1] += last.values()
            curve_seconds[number - 1].append(seconds.get(key, 0.0))
    objects: dict[str, set[int]] = {}
    for (sequence, _, _), values in quality.items():
        objects.setdefault(sequence, set()).update(values)
    limit = seconds_per_object * float(np.mean([len(ids) for ids in objects.values()]))
    points = [float(np.mean(values)) for values in curve_quality]
    spent = np.cumsum([np.mean(step) for step in curve_seconds])
    times = np.concatenate([[0.0], spent, [limit]])
    curve = np.array([0.0, *points, points[-1]])
    steps = np.diff(times) * (curve[1:] + curve[:-1]) / 2
    return InteractiveScores(
        auc=float(np.sum(steps) / times.max()) if times.max() > 0 else 0.0,
        at_threshold=float(np.interp(threshold, times, curve)),
        threshold=threshold,
        times=tuple(times.tolist()),
        values=tuple(curve.tolist()),
    )


_Key = tuple[str, int, int]


def _by_interaction(
    rows: Iterable[Interaction], metric: Metric
) -> tuple[dict[_Key, dict[int, float]], dict[_Key, float]]:
    """Mean quality over frames of each object, and seconds, of each interaction."""
    frames: dict[_Key, dict[int, list[float]]] = {}
    seconds: dict[_Key, float] = {}
    for row in rows:
        if not (0 <= row.j <= 1 and 0 <= row.f <= 1 and row.seconds >= 0 and row.interaction >= 1):
            raise EvalUsageError(f"{row}: J and F must be in [0, 1], seconds must not be negative")
        key = (row.sequence, row.scribble, row.interaction)
        value = {"J": row.j, "F": row.f, "J_AND_F": 0.5 * row.j + 0.5 * row.f}[metric]
        frames.setdefault(key, {}).setdefault(row.object_id, []).append(value)
        if seconds.setdefault(key, row.seconds) != row.seconds:
            raise EvalUsageError(f"{row.sequence}, scribble {row.scribble}, interaction {row.interaction}: two times")
    if not frames:
        raise EvalUsageError("the table of interactions is empty")
    means = {
        key: {object_id: float(np.mean(values)) for object_id, values in sorted(objects.items())}
        for key, objects in frames.items()
    }
    return means, seconds


def read_interactions(path: Path) -> list[Interaction]:
    """Reads a CSV table with the columns of the report of davis-interactive; other columns are ignored.

    Raises:
        DatasetError: The file is absent, lacks a column, or has a value that is not a number.
    """
    try:
        text = read_file(path, DatasetError).decode("utf-8")
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such table of interactions") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a text in UTF-8 ({error.reason})") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        absent = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if absent:
            raise DatasetError(f"{path}: lacks the column(s) {', '.join(absent)}")
        return [
            Interaction(
                sequence=row["sequence"],
                scribble=int(row["scribble_idx"]),
                interaction=int(row["interaction"]),
                object_id=int(row["object_id"]),
                frame=int(row["frame"]),
                j=float(row["jaccard"]),
                f=float(row["contour"]),
                seconds=float(row["timing"]),
            )
            for row in reader
        ]
    except (TypeError, ValueError, csv.Error) as error:
        raise DatasetError(f"{path}, line {reader.line_num}: {error}") from error
