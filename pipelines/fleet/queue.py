"""Runs the jobs of a store through a pool of workers: hands them out, retries, and records how each one ended."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.fleet.events import BatchOpened, JobDone, JobFailed, JobRetried, JobStarted, OnEvent
from pipelines.fleet.job_store import JobRow, JobStore
from pipelines.fleet.worker_pool import Completed, Task, TaskOutcome, WorkerLost, WorkerPool

DEFAULT_RETRIES = 2


def run_queue(
    store: JobStore,
    make_pool: Callable[[], WorkerPool],
    *,
    retries: int = DEFAULT_RETRIES,
    on_event: OnEvent = lambda event: None,
) -> None:
    """Runs every queued job until each is done or has failed.

    Args:
        store: The jobs. It is up to date at any moment: an exception, a signal or a crash loses only the jobs in
            progress, which it lists as running.
        make_pool: Makes the pool; not called if no job is queued.
        retries: How often a job whose worker was lost is retried. Failures caused by the job itself (a broken video, a
            full disk) are not retried.
        on_event: Called with every event.
    """
    counts = store.counts()
    on_event(BatchOpened(sum(counts.values()), counts.get("done", 0)))
    if not counts.get("queued"):
        return
    pool = make_pool()
    try:
        _run(store, pool, retries, on_event)
    finally:
        pool.close()


def _run(store: JobStore, pool: WorkerPool, retries: int, on_event: OnEvent) -> None:
    running: dict[int, JobRow] = {}
    while True:
        while pool.has_room and (row := store.take()) is not None:
            running[row.number] = row
            on_event(JobStarted(row.number, row.spec.name, row.attempts))
            pool.start(Task(row.number, row.spec, row.output_state))
        if pool.is_idle:
            return
        for outcome in pool.wait(on_event):
            _record(store, running.pop(outcome.number), outcome, retries, on_event)


def _record(store: JobStore, row: JobRow, outcome: TaskOutcome, retries: int, on_event: OnEvent) -> None:
    number, name = row.number, row.spec.name
    if isinstance(outcome, Completed):
        store.finish(number, outcome.result)
        on_event(JobDone(number, name, outcome.result))
    elif isinstance(outcome, WorkerLost) and row.attempts <= retries:
        store.requeue(number, outcome.problem)
        on_event(JobRetried(number, name, outcome.problem))
    else:
        tries = f" (tried {row.attempts} times)" if row.attempts > 1 else ""
        store.fail(number, outcome.problem + tries)
        on_event(JobFailed(number, name, outcome.problem + tries))
