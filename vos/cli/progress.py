"""Progress of one run: a bar on a terminal, lines of JSON for machines, or nothing. Always on stderr."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import Self


class Display:
    """Something that may be shown while a command works. This one shows nothing, and so has nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Progress(Display):
    """Progress of one run; this base shows nothing."""

    def advance(self, done: int, total: int | None) -> None:
        """Called when `done` frames are finished, of `total` if that is known."""


class JsonProgress(Progress):
    """A line with a JSON object, once a second."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = 0.0

    def advance(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._last < 1 and done != total:
            return
        self._last = now
        rate = done / max(now - self._began, 1e-9)
        event = {"event": "progress", "frame": done, "frames": total, "fps": round(rate, 2)}
        print(json.dumps(event), file=sys.stderr, flush=True)  # noqa: T201


class BarProgress(Progress):
    """A bar with frames per second and the time left, from the first frame on: before it, errors stand alone."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._began = time.monotonic()
        self._is_shown = False
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} fps"),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=None, rate=0.0)

    def advance(self, done: int, total: int | None) -> None:
        if not self._is_shown:
            self._bar.start()
            self._is_shown = True
        rate = done / max(time.monotonic() - self._began, 1e-9)
        self._bar.update(self._task, completed=done, total=total, rate=rate)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            self._bar.stop()


def choose_progress(title: str, *, quiet: bool, as_json: bool) -> Progress:
    """The kind that suits the options and what stderr is."""
    if quiet:
        return Progress()
    if as_json:
        return JsonProgress()
    return BarProgress(title)
