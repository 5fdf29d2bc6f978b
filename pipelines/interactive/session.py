"""The loop of DAVIS interactive: scribble, track, look for the worst frame, scribble there, track again.

The engine is that of `vos track` and `vos correct`: the first round is a run, every further one a correction of it,
which applies to the frames from the scribbled one on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from eval.counting import count_by_id
from eval.interactive import Interaction
from eval.masks import LabelMap
from eval.measures import MaskCounts, boundary_measure, region_similarity
from pipelines.datasets.sequences import Sequence as DatasetSequence
from pipelines.datasets.simulated_user import deepest_point
from pipelines.interactive.material import frames_of
from pipelines.interactive.robot import next_click
from pipelines.interactive.scribbles import scribbles_in
from seem_model.video_model import VideoModel
from vos.prompts import Points, Prompt, Stroke
from vos.prompts.davis_scribbles import read_davis_scribbles
from vos.runs.correction import correct_run
from vos.runs.folder import OutputFolder
from vos.runs.masks import read_labels
from vos.runs.options import RunOptions
from vos.runs.track_script import track_script

Robot = Literal["scribbles", "clicks"]
# A scribble on what is too much becomes so many negative points along it: strokes only add.
_NEGATIVE_POINTS = 5
# Scribbles per object and sign in a round, the longest ones.
_MOST_SCRIBBLES = 3
# Strokes are 5 pixels wide at 480 lines, as those of the challenge.
_WIDTH_OF_HEIGHT = 5 / 480
_SNAPSHOT_EVERY = 10
SECONDS_PER_ROUND = 30.0
"""What the challenge grants per object and round; a session that has used up all of it ends."""


def run_session(
    model: VideoModel,
    sequence: DatasetSequence,
    folder: Path,
    *,
    robot: Robot,
    rounds: int,
    scribble: int,
    human: Path | None,
) -> list[Interaction]:
    """The rounds of one sequence.

    Args:
        model: A loaded model.
        sequence: With an annotation for every frame.
        folder: Of the run; new.
        robot: What the simulated user draws.
        rounds: At most so many.
        scribble: Number of the sample, for the table.
        human: Scribble file that people drew, for the first round; None: the robot draws on the first frame.

    Returns:
        A row per object, frame and round, of all frames. A session ends early when nothing is left to draw.

    Raises:
        VosError, DatasetError: The sequence or its scribbles cannot be used.
    """
    ids = sequence.object_ids or ()
    truth = [frame.labels for frame in frames_of(sequence)]
    empty = np.zeros_like(truth[0])
    first: list[Prompt]
    if human is not None:
        first = list(read_davis_scribbles(human))
        used = {prompt.frame for prompt in first}
    else:
        first = _draw(robot, empty, truth[0], ids, 0)
        used = {0}
    rows: list[Interaction] = []
    painted: list[np.ndarray] = []
    spent = 0.0
    options = RunOptions(snapshot_every=_SNAPSHOT_EVERY)
    for number in range(1, rounds + 1):
        began = time.perf_counter()
        if number == 1:
            track_script(sequence.pictures, first, folder, model=model, options=options)
        else:
            frame = _worst_frame(rows, number - 1, used)
            prompts = [] if frame is None else _draw(robot, painted[frame], truth[frame], ids, frame)
            if frame is None or not prompts:
                break
            used.add(frame)
            began = time.perf_counter()
            correct_run(folder, prompts, model=model, options=options)
        seconds = time.perf_counter() - began
        spent += seconds
        painted = [read_labels(OutputFolder(folder), index) for index in range(len(truth))]
        rows += _score(sequence.name, scribble, number, painted, truth, ids, seconds)
        if spent > SECONDS_PER_ROUND * rounds * len(ids):
            break
    return rows


def _draw(robot: Robot, painted: np.ndarray, truth: np.ndarray, ids: Sequence[int], frame: int) -> list[Prompt]:
    """What the user draws on a frame."""
    prompts: list[Prompt] = []
    for object_id in ids:
        own, wanted = painted == object_id, truth == object_id
        if robot == "clicks":
            click = next_click(own, wanted)
            if click is not None:
                here = [[click.x, click.y]]
                on, off = (here, []) if click.is_positive else ([], here)
                prompts.append(Points(on, off, object_id=object_id, frame=frame))
            continue
        lines = scribbles_in(wanted & ~own)[:_MOST_SCRIBBLES]
        if not lines and wanted.any() and not painted.any():
            # An object without a mark would never be tracked: a small or round one gets a dot in the first round.
            lines = [np.array([deepest_point(wanted)])]
        if lines:
            width = max(1.0, truth.shape[0] * _WIDTH_OF_HEIGHT)
            prompts.append(Stroke(tuple(lines), width, object_id=object_id, frame=frame))
        # A scribble of background says something about an object only where it is no other object's scribble.
        surplus = scribbles_in(own & (truth == 0))[:_MOST_SCRIBBLES]
        off_points = [point for line in surplus for point in _spread(line).tolist()]
        if off_points and own.any():
            prompts.append(Points([], off_points, object_id=object_id, frame=frame))
    return prompts


def _spread(line: np.ndarray) -> np.ndarray:
    """At most a few points of a path, its ends among them."""
    chosen = np.unique(np.linspace(0, len(line) - 1, min(_NEGATIVE_POINTS, len(line))).round().astype(int))
    points: np.ndarray = line[chosen]
    return points


def _worst_frame(rows: Sequence[Interaction], number: int, used: set[int]) -> int | None:
    """The frame with the lowest mean J&F over objects after a round, of those without a scribble."""
    values: dict[int, list[float]] = {}
    for row in rows:
        if row.interaction == number and row.frame not in used:
            values.setdefault(row.frame, []).append((row.j + row.f) / 2)
    return min(values, key=lambda frame: (float(np.mean(values[frame])), frame), default=None)


def _score(
    name: str,
    scribble: int,
    number: int,
    painted: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    ids: Sequence[int],
    seconds: float,
) -> list[Interaction]:
    rows = []
    for frame, (ours, theirs) in enumerate(zip(painted, truth, strict=True)):
        counts = MaskCounts(*count_by_id(LabelMap(ours), LabelMap(theirs), tuple(ids)))
        j, f = region_similarity(counts), boundary_measure(counts)
        rows += [
            Interaction(name, scribble, number, object_id, frame, float(j[column]), float(f[column]), seconds)
            for column, object_id in enumerate(ids)
        ]
    return rows
