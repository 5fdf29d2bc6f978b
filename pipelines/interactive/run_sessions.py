"""Runs the interactive loop over sequences, can be stopped and resumed, and writes the table of the challenge."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from eval.errors import DatasetError
from eval.interactive import Interaction, InteractiveScores, score_interactions
from pipelines.interactive.material import draw, true_sequences
from pipelines.interactive.rows import RowFile
from pipelines.interactive.session import SECONDS_PER_ROUND, Robot, run_session
from seem_model.video_model import VideoModel
from vos.files.atomic import write_bytes

_FOLDER = "Scribbles"
_TABLE = "session.csv"
_ROWS = "rows.jsonl"


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What to run.

    Attributes:
        root: Folder of DAVIS.
        dataset, split, sequences: Which sequences; no names mean all.
        robot: What the simulated user draws.
        rounds: At most so many.
        scribbles: How many of a sequence's human scribble files begin a session each; 0: the robot draws the first
            scribbles too, on the first frame.
        limit: At most so many sequences; None for all.
        seed: Draws sequences.
    """

    root: str
    dataset: str = "davis16"
    split: str = "train"
    sequences: tuple[str, ...] = ()
    robot: Robot = "scribbles"
    rounds: int = 8
    scribbles: int = 0
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SessionReport:
    """Outcome of the sessions.

    Attributes:
        scores: The area under the curve, and J&F after 60 seconds.
        rounds: Mean J&F over sequences and objects after each round; a session that ended keeps its last.
        seconds: Mean time of each round.
        sessions: Number of sessions.
        table: The CSV file, which `vos eval interactive` reads; None if none was asked for.
    """

    scores: InteractiveScores
    rounds: tuple[float, ...]
    seconds: tuple[float, ...]
    sessions: int
    table: Path | None


def run_sessions(
    model: VideoModel,
    request: SessionRequest,
    *,
    output: Path | None = None,
    resume: bool = False,
    on_progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> SessionReport:
    """Runs all sessions.

    Args:
        model: A loaded model.
        request: What to run.
        output: Folder for finished sessions and the table; None to keep nothing.
        resume: Continue the sessions of `output`.
        on_progress: Called before each session: its name, how many are finished, how many there are.

    Raises:
        UsageError, OutputError: `output` cannot be used.
        DatasetError: The data set cannot be used.
    """
    found = true_sequences(request.dataset, Path(request.root), request.split, request.sequences)
    jobs = []
    for sequence in draw(found, request.limit, request.seed):
        for number in range(1, max(1, request.scribbles) + 1):
            human = None
            if request.scribbles:
                human = Path(request.root) / _FOLDER / sequence.name / f"{number:03d}.json"
                if not human.is_file():
                    raise DatasetError(f"{human}: no such file; --first robot draws the first scribbles by rule")
            jobs.append((sequence, number, human))
    settings = asdict(request) | {"sequences": list(request.sequences), "weights_sha256": model.weights_sha256}
    rows = RowFile(None if output is None else output / _ROWS, settings, resume=resume)
    table: list[Interaction] = []
    for done, (sequence, number, human) in enumerate(jobs):
        name = f"{sequence.name} {number}"
        on_progress(name, done, len(jobs))
        if name not in rows:
            with TemporaryDirectory(prefix="vos-interactive-") as temporary:
                session = run_session(
                    model,
                    sequence,
                    Path(temporary) / "run",
                    robot=request.robot,
                    rounds=request.rounds,
                    scribble=number,
                    human=human,
                )
            rows.add(name, [asdict(row) for row in session])
        table += [Interaction(**row) for row in rows[name]]
    path = None if output is None else output / _TABLE
    if path is not None:
        write_bytes(path, _csv(table).encode())
    scores = score_interactions(
        table, interactions=request.rounds, seconds_per_object=SECONDS_PER_ROUND * request.rounds
    )
    times = np.diff(scores.times[: request.rounds + 1])
    return SessionReport(scores, scores.values[1 : request.rounds + 1], tuple(times.tolist()), len(jobs), path)


def _csv(rows: list[Interaction]) -> str:
    """The columns of the report of davis-interactive that scoring needs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("sequence", "scribble_idx", "interaction", "object_id", "frame", "jaccard", "contour", "timing"))
    for row in rows:
        place = (row.sequence, row.scribble, row.interaction, row.object_id, row.frame)
        writer.writerow((*place, repr(row.j), repr(row.f), repr(row.seconds)))
    return text.getvalue()
