"""Scores a folder of predictions: plan, check that all is there, count frames (in processes if asked), report."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from eval.datasets import find_dataset
from eval.errors import DatasetError, EvalUsageError, MissingPredictionsError
from eval.plan import PlanRequest, SequencePlan, thin_out
from eval.report import Report, object_scores
from eval.scoring import count_frames, object_series
from eval.surplus import surplus_note

FRAMES_PER_TASK = 16
"""Frames that a worker counts at a time: few, so that all workers end together; many next to the cost of a task."""

_KEPT_BYTES = 8 << 20
"""Freed memory that the allocator keeps: some arrays of a whole frame."""

Progress = Callable[[str, int, int], None]
"""Called with the name of a finished sequence, the number of finished sequences, and their total."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Frames `start` to `stop` of the sequence with this index."""

    sequence: int
    start: int
    stop: int


def evaluate(
    predictions: str | Path,
    *,
    dataset: str,
    root: str | Path,
    split: str | None = None,
    sequences: Sequence[str] | None = None,
    jobs: int = 1,
    allow_missing: bool = False,
    given_frame: Literal["exclude", "include"] = "exclude",
    unseen: str | Path | None = None,
    every: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Scores predicted masks against the ground truth of a data set.

    Args:
        predictions: Folder with one folder of PNGs per sequence, named as the annotations are.
        dataset: A name in `eval.datasets.DATASETS`.
        root: Folder of the data set.
        split: Part of the data set; by default the one that the data set is usually scored on.
        sequences: Score only these.
        jobs: Worker processes, at least 1.
        allow_missing: Score absent predictions as empty masks instead of refusing to score.
        given_frame: YouTube-VOS only, see `PlanRequest`.
        unseen: YouTube-VOS and LVOS only, see `PlanRequest`.
        every: Score only every so many-th annotated frame, from the first on, at least 1.
        progress: Called after each finished sequence.

    Returns:
        The report. Its numbers do not depend on `jobs`.

    Raises:
        DatasetError: The ground truth is absent, incomplete, or has nothing to score; or all predictions are numbered
            some frames too high or too low.
        MissingPredictionsError: Predictions are absent and `allow_missing` is off.
        MaskFileError: A mask is unreadable, of another size, or has ids that the protocol does not allow.
        EvalUsageError: An unknown data set, or an impossible option.

    Examples:
        >>> from eval import evaluate
        >>> report = evaluate("results", dataset="davis16", root="DAVIS", split="train")
        >>> print(f"J&F {report.j_and_f:.3f}")
        J&F 0.980
    """
    if jobs < 1:
        raise EvalUsageError(f"--jobs {jobs}: at least one process is needed")
    if every < 1:
        raise EvalUsageError(f"--every {every}: must be at least 1")
    entry = find_dataset(dataset)
    request = PlanRequest(
        root=_existing_folder(root, "ground truth"),
        predictions=_existing_folder(predictions, "predictions"),
        split=split or entry.default_split,
        sequences=tuple(sequences) if sequences else None,
        given_frame=given_frame,
        unseen=Path(unseen) if unseen is not None else None,
        every=every,
    )
    plan = thin_out(entry.planner(request), every)
    surplus = tuple(note for item in plan.sequences if (note := surplus_note(item)) is not None)
    missing = tuple(path for item in plan.sequences for path in item.missing_predictions())
    if missing and not allow_missing:
        raise MissingPredictionsError(missing)
    if not any(item.objects for item in plan.sequences):
        raise DatasetError("; ".join((f"{request.root}: no object to score", *plan.notes)))
    rows = []
    for done, (item, frames) in enumerate(_count_sequences(plan.sequences, jobs), start=1):
        rows += [object_scores(item.name, series) for series in object_series(item, frames)]
        if progress is not None:
            progress(item.name, done, len(plan.sequences))
    if not rows:
        raise DatasetError(f"{request.root}: no object is ever shown by ground truth or prediction, nothing to score")
    report = Report(
        dataset=dataset,
        split=request.split,
        objects=tuple(rows),
        notes=(*plan.notes, *surplus),
        missing=tuple(str(path) for path in missing),
        plans=plan.sequences,
    )
    return replace(report, headline=entry.headline(report))


def _existing_folder(path: str | Path, what: str) -> Path:
    folder = Path(path)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder of {what}")
    return folder


def _count_sequences(plans: tuple[SequencePlan, ...], jobs: int) -> Iterator[tuple[SequencePlan, list[np.ndarray]]]:
    """Counts of every sequence, in order."""
    tasks = [
        _Task(index, start, min(start + FRAMES_PER_TASK, len(plan.stems)))
        for index, plan in enumerate(plans)
        for start in range(0, len(plan.stems), FRAMES_PER_TASK)
    ]
    _keep_freed_memory()
    with _mapper(plans, min(jobs, len(tasks))) as run_all:
        results = zip(tasks, run_all(tasks), strict=True)
        task, counts = next(results)
        for index, plan in enumerate(plans):
            frames: list[np.ndarray] = []
            while task.sequence == index:
                frames.extend(counts)
                task, counts = next(results, (_Task(len(plans), 0, 0), []))
            yield plan, frames


@contextmanager
def _mapper(
    plans: tuple[SequencePlan, ...], jobs: int
) -> Iterator[Callable[[list[_Task]], Iterable[Sequence[np.ndarray] | np.ndarray]]]:
    if jobs <= 1:
        yield lambda tasks: map(partial(_run, plans), tasks)
        return
    with _process_context().Pool(jobs, initializer=_prepare_worker, initargs=(plans,)) as pool:
        yield lambda tasks: pool.imap(_run_in_worker, tasks)


def _process_context() -> BaseContext:
    """Forking starts workers in milliseconds but is unsafe beside running threads; then, and elsewhere, spawn.

    Python does not count the threads that torch keeps, and a fork beside them can hang: torch counts as threads.
    """
    is_single = threading.active_count() == 1 and "torch" not in sys.modules
    can_fork = "fork" in multiprocessing.get_all_start_methods() and is_single
    return multiprocessing.get_context("fork" if can_fork else "spawn")


_plans_of_worker: tuple[SequencePlan, ...] = ()
"""What this worker process counts; set once when it starts, so that a task is three numbers."""


def _prepare_worker(plans: tuple[SequencePlan, ...]) -> None:
    global _plans_of_worker
    _plans_of_worker = plans
    # Each worker has a processor of its own; OpenCV's threads would only fight over them.
    cv2.setNumThreads(1)
    _keep_freed_memory()


def _run_in_worker(task: _Task) -> Sequence[np.ndarray] | np.ndarray:
    frames = _run(_plans_of_worker, task)
    # One array travels sixty times faster than many small ones.
    return np.stack(frames) if len({frame.shape for frame in frames}) == 1 else frames


def _run(plans: tuple[SequencePlan, ...], task: _Task) -> list[np.ndarray]:
    return count_frames(plans[task.sequence], range(task.start, task.stop))


def _keep_freed_memory() -> None:
    """Makes the allocator reuse freed memory for arrays of a whole frame instead of mapping fresh pages.

    glibc returns large blocks to the system at once, and the system must clear pages before it hands them out again:
    more than a third of the scorer's time went there. Freeing one larger block raises the limit for the rest of the
    process (mallopt(3), M_MMAP_THRESHOLD). Its pages are never touched. `vos.resources.allocator` does more for a
    tracker; this package imports no other, and its worker processes need no more than this.
    """
    np.empty(_KEPT_BYTES, np.uint8)
