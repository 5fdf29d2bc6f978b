"""Progress of a batch: a table on a terminal, plain lines elsewhere, JSON lines for machines. Always on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from pipelines.fleet.events import JobEvent


class BatchProgress(Protocol):
    """Hears of every event of a batch."""

    def hear(self, event: JobEvent) -> None:
        """Something happened."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Silent:
    """Says nothing."""

    def hear(self, event: JobEvent) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class JsonLines(Silent):
    """Every event as one JSON object."""

    def hear(self, event: JobEvent) -> None:
        print(event.as_json(), file=sys.stderr, flush=True)  # noqa: T201


class PlainLines(Silent):
    """A line for each job that ends."""

    def hear(self, event: JobEvent) -> None:
        from pipelines.fleet.events import JobDone, JobFailed, JobRetried

        if isinstance(event, JobDone):
            result = event.result
            text = f"{event.name}: {result.frames} frames, {result.fps:.1f} fps"
        elif isinstance(event, JobFailed):
            text = f"{event.name}: failed: {event.problem}"
        elif isinstance(event, JobRetried):
            text = f"{event.name}: will be tried again: {event.problem}"
        else:
            return
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def choose_batch_progress(*, quiet: bool, as_json: bool) -> BatchProgress:
    """The kind that suits the options and what stderr is."""
    if quiet:
        return Silent()
    if as_json:
        return JsonLines()
    return PlainLines()
