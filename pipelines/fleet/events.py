"""Events of a batch. Each is flat and small; `as_json` is its form for machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

from pipelines.fleet.jobs import JobResult


@dataclass(frozen=True, slots=True)
class BatchEvent:
    """Base of all."""

    kind: ClassVar[str] = "event"

    def as_json(self) -> str:
        """One line, with the kind of event first."""
        return json.dumps({"event": self.kind, **asdict(self)})


@dataclass(frozen=True, slots=True)
class BatchOpened(BatchEvent):
    """How many jobs there are, and how many of them are done already."""

    kind: ClassVar[str] = "opened"

    jobs: int
    done: int


@dataclass(frozen=True, slots=True)
class DecodersStarted(BatchEvent):
    """Decoding is the bottleneck: so many processes decode for the workers from now on."""

    kind: ClassVar[str] = "decoders"

    decoders: int
    decode_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class JobEvent(BatchEvent):
    """Base of what happens to one job."""

    number: int
    name: str


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
    """The job is done."""

    kind: ClassVar[str] = "done"

    result: JobResult


@dataclass(frozen=True, slots=True)
class JobRetried(JobEvent):
    """The worker of an attempt was lost; the job is queued again."""

    kind: ClassVar[str] = "retried"

    problem: str


@dataclass(frozen=True, slots=True)
class JobFailed(JobEvent):
    """The job failed and will not be retried."""

    kind: ClassVar[str] = "failed"

    problem: str


@dataclass(frozen=True, slots=True)
class JobStitched(JobEvent):
    """A video that was split has been stitched from its windows."""

    kind: ClassVar[str] = "stitched"

    windows: int
    frames: int


OnEvent = Callable[[BatchEvent], None]
