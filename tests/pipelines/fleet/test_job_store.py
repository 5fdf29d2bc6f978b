"""The job store: nothing is lost, nothing is done twice, nothing piles up in memory."""

from __future__ import annotations

import multiprocessing
import sqlite3
import tracemalloc
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from pipelines.fleet.events import BatchEvent, JobFailed, JobRetried, OnEvent
from pipelines.fleet.job_store import JobStore
from pipelines.fleet.jobs import JobResult, JobSpec, PromptSource
from pipelines.fleet.queue import run_queue
from pipelines.fleet.worker_pool import Completed, Failed, Task, TaskOutcome, WorkerLost, WorkerPool
from vos.errors import OutputError

RESULT = JobResult(frames=10, tracked=10, seconds=1.0, peak_bytes=None, device="cpu", weights_sha256="0")


def jobs(count: int, output: Path) -> Iterator[JobSpec]:
    for number in range(count):
        # Not `output / name`: pathlib interns every name, and the interpreter's table of them grows by megabytes.
        yield JobSpec(f"job{number}", "a.mp4", (PromptSource("box", "1,2,3,4"),), f"{output}/job{number}")


class ScriptedPool:
    """Two seats; what becomes of a job is read from a script: attempt after attempt, `Completed` when it ends."""

    def __init__(self, script: dict[str, list[type[WorkerLost] | type[Failed]]] | None = None) -> None:
        self.script = script or {}
        self.under_way: list[Task] = []
        self.order: list[str] | deque[str] = []

    @property
    def has_room(self) -> bool:
        return len(self.under_way) < 2

    @property
    def is_idle(self) -> bool:
        return not self.under_way

    def start(self, task: Task) -> None:
        self.under_way.append(task)
        self.order.append(task.spec.name)

    def wait(self, on_progress: OnEvent) -> list[TaskOutcome]:
        task = self.under_way.pop(0)
        ahead = self.script.get(task.spec.name)
        if ahead:
            return [ahead.pop(0)(task.number, "scripted")]
        return [Completed(task.number, RESULT)]

    def close(self) -> None:
        pass


def work(store: JobStore, pool: WorkerPool, retries: int = 2) -> list[BatchEvent]:
    events: list[BatchEvent] = []
    run_queue(store, lambda: pool, retries=retries, on_event=events.append)
    return events


def test_a_lost_job_is_tried_again_after_the_others(tmp_path: Path) -> None:
    pool = ScriptedPool({"job0": [WorkerLost, WorkerLost]})
    with JobStore(tmp_path / "journal.sqlite") as store:
        store.replace(jobs(4, tmp_path))
        events = work(store, pool)
        assert store.counts() == {"done": 4}
    assert pool.order == ["job0", "job1", "job2", "job3", "job0", "job0"]
    assert sum(isinstance(event, JobRetried) for event in events) == 2


def test_a_job_that_loses_every_worker_fails_alone(tmp_path: Path) -> None:
    with JobStore(tmp_path / "journal.sqlite") as store:
        store.replace(jobs(3, tmp_path))
        events = work(store, ScriptedPool({"job1": [WorkerLost] * 5}))
        assert store.counts() == {"done": 2, "failed": 1}
        (failed,) = store.rows("failed")
    assert failed.spec.name == "job1" and failed.problem == "scripted (tried 3 times)"
    assert [event.name for event in events if isinstance(event, JobFailed)] == ["job1"]


def test_a_job_that_failed_by_itself_is_not_retried(tmp_path: Path) -> None:
    pool = ScriptedPool({"job0": [Failed]})
    with JobStore(tmp_path / "journal.sqlite") as store:
        store.replace(jobs(2, tmp_path))
        work(store, pool)
        assert store.counts() == {"done": 1, "failed": 1}
    assert pool.order == ["job0", "job1"]


def test_the_store_outlives_the_process_and_knows_which_jobs_were_running(tmp_path: Path) -> None:
    with JobStore(tmp_path / "journal.sqlite") as store:
        store.replace(jobs(2, tmp_path))
        first = store.take()
        assert first is not None and first.output_state == "empty"
    with JobStore(tmp_path / "journal.sqlite") as store:
        assert store.counts() == {"running": 1, "queued": 1}
        store.reopen()
        again = store.take()
        assert again is not None and again.spec == first.spec
        assert again.output_state == "resumable"


def test_a_done_job_whose_record_is_gone_is_run_again(tmp_path: Path) -> None:
    with JobStore(tmp_path / "journal.sqlite") as store:
        store.replace(jobs(2, tmp_path))
        work(store, ScriptedPool())
        (tmp_path / "job0").mkdir()
        (tmp_path / "job0" / "run.json").touch()
        store.reopen()
        assert [entry.spec.name for entry in store.rows("queued")] == ["job1"]


def test_a_batch_of_format_1_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with JobStore(path) as store:
        store.replace(jobs(3, tmp_path))
    former = sqlite3.connect(path)
    former.execute("ALTER TABLE jobs RENAME COLUMN output_state TO leftover")
    for number, leftover in ((1, "nothing"), (2, "same job"), (3, "former job")):
        former.execute("UPDATE jobs SET leftover = ? WHERE number = ?", (leftover, number))
    former.execute("PRAGMA user_version = 1")
    former.commit()
    former.close()
    for _ in range(2):
        with JobStore(path) as store:
            assert [row.output_state for row in store.rows()] == ["empty", "resumable", "stale"]


def test_a_batch_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with JobStore(path) as store:
        store.replace(jobs(1, tmp_path))
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(OutputError, match="format 99"):
        JobStore(path)


def test_two_batches_cannot_share_a_store(tmp_path: Path) -> None:
    with JobStore(tmp_path / "journal.sqlite") as store:
        store.replace(jobs(1, tmp_path))
        with pytest.raises(OutputError, match="another batch"):
            JobStore(tmp_path / "journal.sqlite")


def test_a_file_of_another_kind_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"my notes, not a data base" * 100)
    with pytest.raises(OutputError, match=r"journal\.sqlite"):
        JobStore(path)
    assert path.read_bytes().startswith(b"my notes")


def peak_of(count: int, folder: Path) -> int:
    """Python's peak memory in bytes while a queue of `count` jobs is worked through."""
    with JobStore(folder / f"{count}.sqlite") as store:
        tracemalloc.start()
        store.replace(jobs(count, folder))
        pool = ScriptedPool()
        pool.order = deque(maxlen=10)
        run_queue(store, lambda: pool)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert store.counts() == {"done": count}
    return highest


def test_memory_does_not_grow_with_the_number_of_queued_jobs(tmp_path: Path) -> None:
    # In a process of its own: the threads of other tests allocate too.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        small, large = (alone.submit(peak_of, count, tmp_path).result() for count in (100, 10_000))
    assert large < small + 1_000_000


def test_a_failed_job_starts_over_and_an_interrupted_one_resumes(tmp_path: Path) -> None:
    with JobStore(tmp_path / "journal.sqlite") as store:
        store.replace(jobs(2, tmp_path))
        work(store, ScriptedPool({"job0": [Failed], "job1": [Failed]}))
        store.reopen()
        assert [entry.output_state for entry in store.rows()] == ["stale", "stale"]
    with JobStore(tmp_path / "other.sqlite") as store:
        store.replace(jobs(1, tmp_path))
        store.take()
        store.reopen()
        assert [entry.output_state for entry in store.rows()] == ["resumable"]
