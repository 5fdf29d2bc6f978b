"""Runs the click measurements over pictures and sequences; can be stopped at any moment and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.datasets.sequences import Sequence
from pipelines.interactive.click_scores import (
    CurveCase,
    CurveScores,
    TrackedCase,
    TrackedScores,
    curve_scores,
    tracked_scores,
)
from pipelines.interactive.clicks import click_curve, correct_tracked
from pipelines.interactive.material import (
    TrueObject,
    draw,
    first_objects,
    frames_of,
    held_out_stills,
    object_of,
    true_sequences,
)
from pipelines.interactive.rows import RowFile
from pipelines.training.stills import Still
from seem_model.video_model import VideoModel
from vos.errors import UsageError

# First words of rows.
_STILL, _FIRST, _TRACKED = "still", "first", "tracked"


@dataclass(frozen=True, slots=True)
class ClickRequest:
    """What to measure.

    Attributes:
        stills: Held-out pictures, as `held_out_stills` takes them; None for none.
        share: With `stills`: the share that training held aside; 1 for all pictures.
        root: Folder of DAVIS; None for no sequences.
        dataset, split, sequences: Which of its sequences; no names mean all.
        curves, tracked: Which of the two measurements to make on sequences.
        clicks: Clicks per object of the curves.
        every: Distance of the corrected frames of a sequence.
        least_error: Smallest error that is clicked on a tracked frame, over the object's pixels.
        limit: At most so many pictures, and so many sequences; None for all.
        seed: Draws pictures, sequences and objects.
    """

    stills: str | None = None
    share: float = 1.0
    root: str | None = None
    dataset: str = "davis16"
    split: str = "train"
    sequences: tuple[str, ...] = ()
    curves: bool = True
    tracked: bool = True
    clicks: int = 10
    every: int = 20
    least_error: float = 0.005
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ClickReport:
    """The numbers; None where nothing was measured. The cases are behind them, in order."""

    stills: CurveScores | None
    first_frames: CurveScores | None
    tracked: TrackedScores | None
    still_cases: tuple[CurveCase, ...]
    first_frame_cases: tuple[CurveCase, ...]
    tracked_cases: tuple[TrackedCase, ...]


OnProgress = Callable[[str, int, int], None]
"""Called before each picture or sequence: its name, how many are finished, how many there are."""


def measure_clicks(
    model: VideoModel,
    request: ClickRequest,
    *,
    output: Path | None = None,
    resume: bool = False,
    on_progress: OnProgress = lambda name, done, total: None,
) -> ClickReport:
    """Measures.

    Args:
        model: A loaded model.
        request: What to measure.
        output: File of finished rows; None to keep none.
        resume: Continue the rows of `output`. The engine must be the same; only settings and weights are compared.
        on_progress: Called as the work goes on.

    Raises:
        UsageError: There is nothing to measure, or `output` belongs to another request.
        OutputError: `output` exists although `resume` is False, or cannot be written.
        TrainingDataError, DatasetError, MaskFileError, VideoError: The material cannot be used.
    """
    if request.stills is None and request.root is None:
        raise UsageError("give --stills with held-out pictures, --root with DAVIS, or both")
    jobs = _jobs(model, request)
    settings = asdict(request) | {"sequences": list(request.sequences), "weights_sha256": model.weights_sha256}
    rows = RowFile(output, settings, resume=resume)
    for done, (name, job) in enumerate(jobs.items()):
        on_progress(name, done, len(jobs))
        if name not in rows:
            rows.add(name, [asdict(case) for case in job()])
    return _report({name: rows[name] for name in jobs})


_Job = Callable[[], Iterable[CurveCase | TrackedCase]]


def _jobs(model: VideoModel, request: ClickRequest) -> dict[str, _Job]:
    """Name of a row -> what measures it."""
    jobs: dict[str, _Job] = {}
    if request.stills is not None:
        for still in draw(held_out_stills(Path(request.stills), request.share), request.limit, request.seed):
            name = f"{_STILL} {still.image.parent.parent.name}/{still.image.name}"
            jobs[name] = partial(_still_cases, model, request, still)
    if request.root is not None:
        found = true_sequences(request.dataset, Path(request.root), request.split, request.sequences)
        for sequence in draw(found, request.limit, request.seed):
            if request.curves:
                jobs[f"{_FIRST} {sequence.name}"] = partial(_first_cases, model, request, sequence)
            if request.tracked:
                jobs[f"{_TRACKED} {sequence.name}"] = partial(_tracked_cases, model, request, sequence)
    return jobs


def _still_cases(model: VideoModel, request: ClickRequest, still: Still) -> list[CurveCase]:
    item = object_of(still, request.seed)
    return [] if item is None else [_curve(model, request, item)]


def _first_cases(model: VideoModel, request: ClickRequest, sequence: Sequence) -> list[CurveCase]:
    return [_curve(model, request, item) for item in first_objects(sequence)]


def _curve(model: VideoModel, request: ClickRequest, item: TrueObject) -> CurveCase:
    return click_curve(model, item.rgb, item.truth, void=item.void, clicks=request.clicks, name=item.name)


def _tracked_cases(model: VideoModel, request: ClickRequest, sequence: Sequence) -> Iterator[TrackedCase]:
    frames = frames_of(sequence)
    return correct_tracked(model, frames, every=request.every, least_error=request.least_error, name=sequence.name)


def _report(rows: dict[str, list[dict[str, Any]]]) -> ClickReport:
    def cases_of(part: str) -> list[dict[str, Any]]:
        return [case for name, cases in rows.items() if name.startswith(f"{part} ") for case in cases]

    def curves(part: str) -> tuple[CurveCase, ...]:
        found = cases_of(part)
        return tuple(
            CurveCase(**(case | {"iou": tuple(case["iou"]), "collateral": tuple(case["collateral"])})) for case in found
        )

    stills, first = curves(_STILL), curves(_FIRST)
    tracked = tuple(TrackedCase(**case) for case in cases_of(_TRACKED))
    return ClickReport(
        curve_scores(stills) if stills else None,
        curve_scores(first) if first else None,
        tracked_scores(tracked) if tracked else None,
        stills,
        first,
        tracked,
    )
