"""Runs the jobs of a journal through a crew: hands out, tries again, gives up, and writes down what happened."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.fleet.events import BatchOpened, JobDone, JobFailed, JobRetried, JobStarted, OnEvent
from pipelines.fleet.job_store import Journal, JournalEntry
from pipelines.fleet.worker_pool import Assignment, Completed, Crew, Lost, Report

DEFAULT_RETRIES = 2


def work_off(
    journal: Journal,
    hire: Callable[[], Crew],
    *,
    retries: int = DEFAULT_RETRIES,
    on_event: OnEvent = lambda event: None,
) -> None:
    """Runs every queued job until each is done or has failed.

    Args:
        journal: The jobs. It is up to date at any moment: an exception, a signal or a crash loses nothing but the
            jobs under way, which it lists as running.
        hire: Makes the crew; not called when nothing is left to do.
        retries: How often a job whose worker was lost is tried again. What the job itself is to blame for (a broken
            video, a full disk) is not tried again.
        on_event: Hears of everything.
    """
    counts = journal.counts()
    on_event(BatchOpened(sum(counts.values()), counts.get("done", 0)))
    if not counts.get("queued"):
        return
    crew = hire()
    try:
        _work(journal, crew, retries, on_event)
    finally:
        crew.close()


def _work(journal: Journal, crew: Crew, retries: int, on_event: OnEvent) -> None:
    under_way: dict[int, JournalEntry] = {}
    while True:
        while crew.has_room and (entry := journal.take()) is not None:
            under_way[entry.number] = entry
            on_event(JobStarted(entry.number, entry.spec.name, entry.attempts))
            crew.start(Assignment(entry.number, entry.spec, entry.leftover))
        if crew.is_idle:
            return
        for report in crew.wait(on_event):
            _settle(journal, under_way.pop(report.number), report, retries, on_event)


def _settle(journal: Journal, entry: JournalEntry, report: Report, retries: int, on_event: OnEvent) -> None:
    number, name = entry.number, entry.spec.name
    if isinstance(report, Completed):
        journal.finish(number, report.result)
        on_event(JobDone(number, name, report.result))
    elif isinstance(report, Lost) and entry.attempts <= retries:
        journal.requeue(number, report.problem)
        on_event(JobRetried(number, name, report.problem))
    else:
        tries = f" (tried {entry.attempts} times)" if entry.attempts > 1 else ""
        journal.fail(number, report.problem + tries)
        on_event(JobFailed(number, name, report.problem + tries))
