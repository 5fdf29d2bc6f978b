"""A batch: jobs from a list into a journal, through a crew, into one folder per video.

The folder of a batch:

    journal.sqlite     the jobs and their state
    <name>/            as from `vos track`, one per job
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipelines.fleet.crew import Crew
from pipelines.fleet.events import OnEvent
from pipelines.fleet.job_list import Row
from pipelines.fleet.journal import Journal
from pipelines.fleet.queue import DEFAULT_RETRIES, work_off
from pipelines.fleet.rows import Defaults, job_specs
from vos.errors import OutputError, UsageError

JOURNAL = "journal.sqlite"
_THREADS = "threads"
MAX_PROBLEMS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What came of a batch.

    Attributes:
        done, failed: Number of jobs.
        frames: Masks of all jobs that are done.
        problems: Name -> why it failed, of the first 1000.
        truncated: Name -> where the video of a job that is done broke off, of the first 1000.
    """

    done: int
    failed: int
    frames: int
    problems: dict[str, str]
    truncated: dict[str, str]


def run_batch(
    rows: Iterable[Row],
    defaults: Defaults,
    hire: Callable[[], Crew],
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
        hire: Makes the workers, called once all rows are found to be in order.
        threads: Of each worker; a batch is resumed with the number it was begun with, because results depend on it.
        resume: Skip what an earlier call has done. Jobs new to the list are added, changed ones run again.
        overwrite: Whether jobs that are not done start over and may replace what is in their folders.
        retries, on_event: As for `work_off`.

    Raises:
        JobListError: Some rows cannot be jobs; nothing has been started or written.
        UsageError: Another number of threads than the batch was begun with.
        OutputError: The folder holds a batch already and `resume` is off, or cannot be written.
    """
    path = defaults.output / JOURNAL
    if path.exists() and not resume:
        raise OutputError(f"{defaults.output}: holds a batch; go on with it by --resume, or choose another --output")
    is_new_folder = not defaults.output.exists()
    try:
        defaults.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{defaults.output}: cannot be created ({error.strerror}); choose another folder") from error
    is_new = not path.exists()
    try:
        with Journal(path) as journal:
            _check_threads(journal, threads)
            journal.replace(job_specs(rows, defaults))
            is_new = False
            journal.reopen(overwrite=overwrite)
            work_off(journal, hire, retries=retries, on_event=on_event)
            return _outcome(journal)
    finally:
        if is_new:
            # The list was refused: leave nothing behind.
            path.unlink(missing_ok=True)
            if is_new_folder:
                defaults.output.rmdir()


def _check_threads(journal: Journal, threads: int) -> None:
    before = journal.setting(_THREADS)
    if before is not None and before != str(threads):
        raise UsageError(f"--threads {threads}: the batch was begun with {before}; resume it with the same number")
    journal.keep_setting(_THREADS, str(threads))


def _outcome(journal: Journal) -> BatchOutcome:
    counts = journal.counts()
    frames = 0
    problems: dict[str, str] = {}
    truncated: dict[str, str] = {}
    for entry in journal.entries("done"):
        if entry.result is not None:
            frames += entry.result.frames
            if entry.result.truncated and len(truncated) < MAX_PROBLEMS_KEPT:
                truncated[entry.spec.name] = entry.result.truncated
    for entry in journal.entries("failed"):
        if len(problems) == MAX_PROBLEMS_KEPT:
            break
        problems[entry.spec.name] = entry.problem or ""
    return BatchOutcome(counts.get("done", 0), counts.get("failed", 0), frames, problems, truncated)
