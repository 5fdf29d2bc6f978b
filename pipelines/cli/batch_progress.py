"""Progress of a batch: a table on a terminal, plain lines elsewhere, JSON lines for machines. Always on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vos.cli.progress import Display

if TYPE_CHECKING:
    from rich.progress import TaskID

    from pipelines.fleet.events import BatchEvent


class BatchProgress(Display):
    """Progress of a batch; this base shows nothing."""

    def handle(self, event: BatchEvent) -> None:
        """Called with every event."""


class JsonLines(BatchProgress):
    """Every event as one JSON object."""

    def handle(self, event: BatchEvent) -> None:
        _print(event.as_json())


class PlainLines(BatchProgress):
    """A line for each job that ends."""

    def __init__(self) -> None:
        self._jobs = 0
        self._ended = 0

    def handle(self, event: BatchEvent) -> None:
        from pipelines.fleet.events import BatchOpened, JobDone, JobFailed

        if isinstance(event, BatchOpened):
            self._jobs, self._ended = event.jobs, event.done
        if isinstance(event, (JobDone, JobFailed)):
            self._ended += 1
        if (text := describe_ending(event)) is not None:
            _print(f"[{self._ended}/{self._jobs}] {text}")


class LiveTable(BatchProgress):
    """One line per running video (frame, fps, time left) over a line of totals; finished videos scroll above."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=Console(stderr=True, highlight=False),
        )
        self._total = self._bar.add_task("all videos", total=None, rate="")
        self._running: dict[int, TaskID] = {}

    def handle(self, event: BatchEvent) -> None:
        from pipelines.fleet.events import (
            BatchOpened,
            JobDone,
            JobFailed,
            JobProgress,
            JobRetried,
            JobStarted,
        )

        text = describe_ending(event)

        if isinstance(event, BatchOpened):
            self._bar.update(self._total, total=event.jobs, completed=event.done)
        elif isinstance(event, JobStarted):
            self._running[event.number] = self._bar.add_task(event.name, total=None, rate="")
        elif isinstance(event, JobProgress):
            task = self._running[event.number]
            self._bar.update(task, completed=event.frame, total=event.frames, rate=f"{event.fps:.1f} fps")
        elif isinstance(event, (JobDone, JobFailed, JobRetried)):
            self._bar.remove_task(self._running.pop(event.number))
            if not isinstance(event, JobRetried):
                self._bar.advance(self._total)
        if text is not None:
            self._bar.console.print(text, markup=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def describe_ending(event: BatchEvent) -> str | None:
    """One line about an attempt or a split video that ended; None for other events."""
    from pipelines.fleet.events import DecodersStarted, JobDone, JobFailed, JobRetried, JobStitched

    if isinstance(event, DecodersStarted):
        return f"decoding is the bottleneck: {event.decoders} process(es) now decode for the workers"
    if isinstance(event, JobStitched):
        return f"{event.name}: stitched from {event.windows} parts, {event.frames} frames"
    if isinstance(event, JobDone):
        return f"{event.name}: {event.result.frames} frames, {event.result.fps:.1f} fps"
    if isinstance(event, JobFailed):
        return f"{event.name}: failed: {event.problem}"
    if isinstance(event, JobRetried):
        return f"{event.name}: will be retried: {event.problem}"
    return None


def choose_batch_progress(*, quiet: bool, as_json: bool) -> BatchProgress:
    """The kind that suits the options and what stderr is."""
    if quiet:
        return BatchProgress()
    if as_json:
        return JsonLines()
    return LiveTable() if sys.stderr.isatty() else PlainLines()


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
