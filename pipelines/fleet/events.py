"""What happens in a batch, as it happens. Every event is flat and small; `as_json` gives it to machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

from pipelines.fleet.jobs import JobResult


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Base: which job."""

    kind: ClassVar[str] = "job"

    number: int
    name: str

    def as_json(self) -> str:
        """One line, with the kind of event first."""
        return json.dumps({"event": self.kind, **asdict(self)})


@dataclass(frozen=True, slots=True)
class JobStarted(JobEvent):
    """A worker begins the job; `attempt` counts from 1."""

    kind: ClassVar[str] = "started"

    attempt: int


@dataclass(frozen=True, slots=True)
class JobProgress(JobEvent):
    """`frame` masks are done of `frames`, if that is known."""

    kind: ClassVar[str] = "progress"

    frame: int
    frames: int | None
    fps: float


@dataclass(frozen=True, slots=True)
class JobDone(JobEvent):
    """The job went through."""

    kind: ClassVar[str] = "done"

    result: JobResult


@dataclass(frozen=True, slots=True)
class JobRetried(JobEvent):
    """An attempt was lost for a reason that may pass; the job is queued again."""

    kind: ClassVar[str] = "retried"

    problem: str


@dataclass(frozen=True, slots=True)
class JobFailed(JobEvent):
    """The job failed for good."""

    kind: ClassVar[str] = "failed"

    problem: str


OnEvent = Callable[[JobEvent], None]
