"""A batch: jobs from a list into a job store, through a pool of workers, into one folder per video.

The folder of a batch:

    journal.sqlite     the jobs and their state
    <name>/            as from `vos track`, one per job
    <name>.parts/      windows of a video that is split, until they are stitched
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

from pipelines.fleet.events import JobStitched, OnEvent
from pipelines.fleet.job_list import Row
from pipelines.fleet.job_store import JobRow, JobStore
from pipelines.fleet.queue import DEFAULT_RETRIES, run_queue
from pipelines.fleet.rows import Defaults, job_specs
from pipelines.fleet.stitching import put_together
from pipelines.fleet.worker_pool import WorkerPool
from vos.errors import OutputError, UsageError, VosError

JOB_STORE = "journal.sqlite"
_THREADS = "threads"
_MAX_KEPT = 1000
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """Outcome of a batch.

    Attributes:
        done, failed: Number of jobs; a video that was split counts as one.
        frames: Masks of all jobs that are done.
        problems: Name -> why it failed, of the first 1000.
        truncated: Name -> where the video of a finished job broke off, of the first 1000.
        notes: Name -> what the user should know of a finished job, of the first 1000 that have any.
        found_nothing: Names of finished jobs without a pixel in any frame, the first 1000.
        approximate: Name -> doubts about the seams of a video that was split, of the first 1000.
    """

    done: int
    failed: int
    frames: int
    problems: dict[str, str]
    truncated: dict[str, str]
    approximate: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    found_nothing: tuple[str, ...] = ()


def run_batch(
    rows: Iterable[Row],
    defaults: Defaults,
    make_pool: Callable[[], WorkerPool],
    *,
    threads: int,
    resume: bool = False,
    overwrite: bool = False,
    retries: int = DEFAULT_RETRIES,
    on_event: OnEvent = lambda event: None,
) -> BatchOutcome:
    """Runs the jobs of a list. Can be stopped at any moment, by any means, and resumed.

    Args:
        rows: The jobs. All are checked before the first is started.
        defaults: What rows leave out, and the folder of the batch.
        make_pool: Makes the workers; called after every row has been checked.
        threads: Of each worker; a batch is resumed with the number it was begun with, because results depend on it.
        resume: Skip what an earlier call has done. Jobs new to the list are added, changed ones run again.
        overwrite: Whether jobs that are not done start over and may replace what is in their folders.
        retries, on_event: As for `run_queue`.

    Raises:
        JobListError: Some rows cannot be jobs; nothing has been started or written.
        UsageError: The batch was begun with another number of threads.
        OutputError: The folder holds a batch already and `resume` is off, or cannot be written.
    """
    path = defaults.output / JOB_STORE
    if path.exists() and not resume:
        raise OutputError(f"{defaults.output}: holds a batch; continue it with --resume, or choose another --output")
    is_new_folder = not defaults.output.exists()
    try:
        defaults.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{defaults.output}: cannot be created ({error.strerror}); choose another folder") from error
    is_new = not path.exists()
    try:
        with JobStore(path) as store:
            _check_threads(store, threads)
            store.replace(job_specs(rows, defaults))
            is_new = False
            store.reopen(overwrite=overwrite)
            run_queue(store, make_pool, retries=retries, on_event=on_event)
            return _outcome(store, on_event)
    finally:
        if is_new:
            # The list was refused: leave no files behind.
            path.unlink(missing_ok=True)
            if is_new_folder:
                defaults.output.rmdir()


def _check_threads(store: JobStore, threads: int) -> None:
    before = store.setting(_THREADS)
    if before is not None and before != str(threads):
        raise UsageError(f"--threads {threads}: the batch was begun with {before}; resume it with the same number")
    store.keep_setting(_THREADS, str(threads))


def _outcome(store: JobStore, on_event: OnEvent) -> BatchOutcome:
    """Sums up, and stitches split videos."""
    done = failed = frames = 0
    problems: dict[str, str] = {}
    truncated: dict[str, str] = {}
    approximate: dict[str, tuple[str, ...]] = {}
    notes: dict[str, tuple[str, ...]] = {}
    empty: dict[str, bool] = {}
    for name, group in groupby(store.rows(), key=_whole_name):
        entries = list(group)
        problem = next((_problem(entry) for entry in entries if entry.result is None), None)
        if problem is None and entries[0].spec.part is not None:
            try:
                whole = put_together(
                    [entry.spec for entry in entries], [entry.result for entry in entries if entry.result is not None]
                )
                frames += whole.frames
                _keep(approximate, name, whole.doubts)
                on_event(JobStitched(entries[0].number, name, whole.windows, whole.frames))
            except VosError as error:
                problem = str(error)
        elif entries[0].result is not None:
            frames += entries[0].result.frames
            if entries[0].result.truncated:
                _keep(truncated, name, entries[0].result.truncated)
        if problem is None:
            done += 1
            results = [entry.result for entry in entries if entry.result is not None]
            if told := tuple(dict.fromkeys(note for result in results for note in result.notes)):
                _keep(notes, name, told)
            if all(result.found_nothing for result in results):
                _keep(empty, name, True)
        else:
            failed += 1
            _keep(problems, name, problem)
    return BatchOutcome(done, failed, frames, problems, truncated, approximate, notes, tuple(empty))


def _whole_name(entry: JobRow) -> str:
    return entry.spec.name if entry.spec.part is None else entry.spec.part.video


def _problem(entry: JobRow) -> str:
    problem = entry.problem or ""
    return problem if entry.spec.part is None else f"{entry.spec.name}: {problem}"


def _keep(values: dict[str, _Value], name: str, value: _Value) -> None:
    if len(values) < _MAX_KEPT:
        values[name] = value
