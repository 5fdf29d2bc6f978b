"""Pools of workers: the interface between the queue and the workers, and the pool of one, which needs no Ray."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipelines.fleet.events import JobProgress, OnEvent
from pipelines.fleet.jobs import JobResult, JobSpec, OutputState
from pipelines.fleet.runner import JobRunner
from vos.errors import exit_code_of, message_of
from vos.video import FrameSource, open_source


@dataclass(frozen=True, slots=True)
class Task:
    """A job handed to a worker, and the state of its output folder."""

    number: int
    spec: JobSpec
    output_state: OutputState


@dataclass(frozen=True, slots=True)
class Completed:
    """The job is done."""

    number: int
    result: JobResult


@dataclass(frozen=True, slots=True)
class Failed:
    """The job failed, and would fail again: a broken video, a full disk, a prompt that does not fit."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker died, hung or hit a bug: another attempt may succeed."""

    number: int
    problem: str


TaskOutcome = Completed | Failed | WorkerLost

OnFrame = Callable[[int, int | None], None]


class WorkerPool(Protocol):
    """Runs tasks and reports their outcomes."""

    @property
    def has_room(self) -> bool:
        """Whether another task can be started now."""

    @property
    def is_idle(self) -> bool:
        """Whether no task is running."""

    def start(self, task: Task) -> None:
        """Begins a job. Only while `has_room`."""

    def wait(self, on_progress: OnEvent) -> list[TaskOutcome]:
        """Waits briefly -> outcomes of the tasks that have ended; `on_progress` gets the progress of the others."""

    def close(self) -> None:
        """Stops all workers at once; running tasks are lost."""


class LocalPool:
    """One worker: this process. `wait` runs the job that was started."""

    def __init__(self, *, threads: int = 1) -> None:
        self._runner = JobRunner(threads=threads)
        self._assignment: Task | None = None

    @property
    def has_room(self) -> bool:
        return self._assignment is None

    @property
    def is_idle(self) -> bool:
        return self._assignment is None

    def start(self, task: Task) -> None:
        self._assignment = task

    def wait(self, on_progress: OnEvent) -> list[TaskOutcome]:
        task, self._assignment = self._assignment, None
        if task is None:
            return []
        began = time.monotonic()

        def report_progress(done: int, total: int | None) -> None:
            rate = done / max(time.monotonic() - began, 1e-9)
            on_progress(JobProgress(task.number, task.spec.name, done, total, round(rate, 2)))

        return [attempt(self._runner, task, report_progress)]

    def close(self) -> None:
        pass


def attempt(
    runner: JobRunner,
    task: Task,
    on_frame: OnFrame,
    open_file: Callable[..., FrameSource] = open_source,
) -> TaskOutcome:
    """Runs one job and returns how it ended; only interrupts are raised."""
    try:
        result = runner.run(task.spec, output_state=task.output_state, on_frame=on_frame, open_file=open_file)
    except Exception as error:
        if exit_code_of(error) is not None:
            return Failed(task.number, message_of(error))
        if isinstance(error, OSError):
            where = f"{error.filename}: " if error.filename else ""
            return Failed(task.number, f"{where}{error.strerror or error}")
        return WorkerLost(task.number, f"{type(error).__name__}: {error}")
    return Completed(task.number, result)
