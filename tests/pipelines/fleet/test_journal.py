"""The journal: nothing is lost, nothing is done twice, nothing piles up in memory."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.fleet.events import BatchEvent, JobFailed, JobRetried, OnEvent
from pipelines.fleet.job_store import Journal
from pipelines.fleet.jobs import JobResult, JobSpec, PromptSource
from pipelines.fleet.queue import work_off
from pipelines.fleet.worker_pool import Assignment, Completed, Crew, Lost, Refused, Report
from vos.errors import OutputError

RESULT = JobResult(frames=10, tracked=10, seconds=1.0, peak_bytes=None, device="cpu", weights_sha256="0")


def jobs(count: int, output: Path) -> Iterator[JobSpec]:
    for number in range(count):
        yield JobSpec(f"job{number}", "a.mp4", (PromptSource("box", "1,2,3,4"),), str(output / f"job{number}"))


class ScriptedCrew:
    """Two seats; what becomes of a job is read from a script: attempt after attempt, `Completed` when it ends."""

    def __init__(self, script: dict[str, list[type[Lost] | type[Refused]]] | None = None) -> None:
        self.script = script or {}
        self.under_way: list[Assignment] = []
        self.order: list[str] | deque[str] = []

    @property
    def has_room(self) -> bool:
        return len(self.under_way) < 2

    @property
    def is_idle(self) -> bool:
        return not self.under_way

    def start(self, assignment: Assignment) -> None:
        self.under_way.append(assignment)
        self.order.append(assignment.spec.name)

    def wait(self, on_progress: OnEvent) -> list[Report]:
        assignment = self.under_way.pop(0)
        ahead = self.script.get(assignment.spec.name)
        if ahead:
            return [ahead.pop(0)(assignment.number, "scripted")]
        return [Completed(assignment.number, RESULT)]

    def close(self) -> None:
        pass


def work(journal: Journal, crew: Crew, retries: int = 2) -> list[BatchEvent]:
    heard: list[BatchEvent] = []
    work_off(journal, lambda: crew, retries=retries, on_event=heard.append)
    return heard


def test_a_lost_job_is_tried_again_after_the_others(tmp_path: Path) -> None:
    crew = ScriptedCrew({"job0": [Lost, Lost]})
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.replace(jobs(4, tmp_path))
        heard = work(journal, crew)
        assert journal.counts() == {"done": 4}
    assert crew.order == ["job0", "job1", "job2", "job3", "job0", "job0"]
    assert sum(isinstance(event, JobRetried) for event in heard) == 2


def test_a_job_that_loses_every_worker_fails_alone(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.replace(jobs(3, tmp_path))
        heard = work(journal, ScriptedCrew({"job1": [Lost] * 5}))
        assert journal.counts() == {"done": 2, "failed": 1}
        (failed,) = journal.entries("failed")
    assert failed.spec.name == "job1" and failed.problem == "scripted (tried 3 times)"
    assert [event.name for event in heard if isinstance(event, JobFailed)] == ["job1"]


def test_a_job_at_fault_is_not_tried_again(tmp_path: Path) -> None:
    crew = ScriptedCrew({"job0": [Refused]})
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.replace(jobs(2, tmp_path))
        work(journal, crew)
        assert journal.counts() == {"done": 1, "failed": 1}
    assert crew.order == ["job0", "job1"]


def test_the_journal_survives_the_process_and_knows_what_was_under_way(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.replace(jobs(2, tmp_path))
        first = journal.take()
        assert first is not None and first.leftover == "nothing"
    with Journal(tmp_path / "journal.sqlite") as journal:
        assert journal.counts() == {"running": 1, "queued": 1}
        journal.reopen()
        again = journal.take()
        assert again is not None and again.spec == first.spec
        assert again.leftover == "same job"


def test_a_done_job_whose_record_is_gone_is_run_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.replace(jobs(2, tmp_path))
        work(journal, ScriptedCrew())
        (tmp_path / "job0").mkdir()
        (tmp_path / "job0" / "run.json").touch()
        journal.reopen()
        assert [entry.spec.name for entry in journal.entries("queued")] == ["job1"]


def test_two_batches_cannot_share_a_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.replace(jobs(1, tmp_path))
        with pytest.raises(OutputError, match="another batch"):
            Journal(tmp_path / "journal.sqlite")


def test_a_file_that_is_no_journal_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"my notes, not a data base" * 100)
    with pytest.raises(OutputError, match=r"journal\.sqlite"):
        Journal(path)
    assert path.read_bytes().startswith(b"my notes")


def test_memory_does_not_grow_with_the_number_of_queued_jobs(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        with Journal(tmp_path / f"{count}.sqlite") as journal:
            tracemalloc.start()
            journal.replace(jobs(count, tmp_path))
            crew = ScriptedCrew()
            crew.order = deque(maxlen=10)
            work_off(journal, lambda: crew)
            _, highest = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert journal.counts() == {"done": count}
        return highest

    small, large = peak(100), peak(10_000)
    assert large < small + 1_000_000


def test_a_failed_job_starts_over_and_a_broken_off_one_goes_on(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.replace(jobs(2, tmp_path))
        work(journal, ScriptedCrew({"job0": [Refused], "job1": [Refused]}))
        journal.reopen()
        assert [entry.leftover for entry in journal.entries()] == ["former job", "former job"]
    with Journal(tmp_path / "other.sqlite") as journal:
        journal.replace(jobs(1, tmp_path))
        journal.take()
        journal.reopen()
        assert [entry.leftover for entry in journal.entries()] == ["same job"]
