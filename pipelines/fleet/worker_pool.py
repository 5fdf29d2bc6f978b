"""Who does the jobs: the interface between the queue and the workers, and the crew of one that needs no Ray."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipelines.fleet.events import JobProgress, OnEvent
from pipelines.fleet.jobs import JobResult, JobSpec, Leftover
from pipelines.fleet.runner import JobRunner
from vos.errors import exit_code_of
from vos.video import FrameSource, open_source


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job handed to a worker, and what lies in its output folder."""

    number: int
    spec: JobSpec
    leftover: Leftover


@dataclass(frozen=True, slots=True)
class Completed:
    """The job went through."""

    number: int
    result: JobResult


@dataclass(frozen=True, slots=True)
class Refused:
    """The job cannot be done, and would fail again: a broken video, a full disk, a prompt that does not fit."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker died, hung or met a bug: another attempt may succeed."""

    number: int
    problem: str


Report = Completed | Refused | Lost

OnFrame = Callable[[int, int | None], None]


class Crew(Protocol):
    """Takes assignments and reports what became of them."""

    @property
    def has_room(self) -> bool:
        """Whether another assignment can be started now."""

    @property
    def is_idle(self) -> bool:
        """Whether no assignment is under way."""

    def start(self, assignment: Assignment) -> None:
        """Begins a job. Only while `has_room`."""

    def wait(self, on_progress: OnEvent) -> list[Report]:
        """Waits a moment and tells of the assignments that have ended; `on_progress` hears of the others."""

    def close(self) -> None:
        """Ends all workers at once; what is under way is lost."""


class SoloCrew:
    """One worker: this process. `wait` runs the job that was started."""

    def __init__(self, *, threads: int = 1) -> None:
        self._runner = JobRunner(threads=threads)
        self._assignment: Assignment | None = None

    @property
    def has_room(self) -> bool:
        return self._assignment is None

    @property
    def is_idle(self) -> bool:
        return self._assignment is None

    def start(self, assignment: Assignment) -> None:
        self._assignment = assignment

    def wait(self, on_progress: OnEvent) -> list[Report]:
        assignment, self._assignment = self._assignment, None
        if assignment is None:
            return []
        began = time.monotonic()

        def tell(done: int, total: int | None) -> None:
            rate = done / max(time.monotonic() - began, 1e-9)
            on_progress(JobProgress(assignment.number, assignment.spec.name, done, total, round(rate, 2)))

        return [attempt(self._runner, assignment, tell)]

    def close(self) -> None:
        pass


def attempt(
    runner: JobRunner,
    assignment: Assignment,
    on_frame: OnFrame,
    open_file: Callable[..., FrameSource] = open_source,
) -> Report:
    """Runs one job and turns what comes of it into a report; only an interrupt gets through."""
    try:
        result = runner.run(assignment.spec, leftover=assignment.leftover, on_frame=on_frame, open_file=open_file)
    except Exception as error:
        if exit_code_of(error) is not None:
            return Refused(assignment.number, str(error))
        if isinstance(error, OSError):
            where = f"{error.filename}: " if error.filename else ""
            return Refused(assignment.number, f"{where}{error.strerror or error}")
        return Lost(assignment.number, f"{type(error).__name__}: {error}")
    return Completed(assignment.number, result)
