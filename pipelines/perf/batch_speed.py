"""Speedup of several workers over one: the same batch, run from the command line as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.perf.clips import write_clip
from vos.errors import VosError
from vos.files.index_png import write_palette_png


@dataclass(frozen=True, slots=True)
class BatchSpeed:
    """One run of the batch.

    Attributes:
        workers: Processes that tracked.
        cores: Processor cores that they were allowed to use.
        command_seconds: From the start of the command to its end, with the start of Python and of Ray.
        work_seconds: From the moment the first video is handed to a worker to the end of the last.
        frames: Masks written.
    """

    workers: int
    cores: int
    command_seconds: float
    work_seconds: float
    frames: int


def measure_batches(
    setups: list[tuple[int, int]], *, videos: int, frames: int, width: int, height: int, short_side: int
) -> list[BatchSpeed]:
    """Runs one batch of synthetic clips with each (workers, cores) in turn.

    Raises:
        VosError: More cores than this machine has, or a batch that failed.
    """
    available = sorted(os.sched_getaffinity(0))
    for _, cores in setups:
        if cores > len(available):
            raise VosError(f"{cores} cores are needed, this process may use {len(available)}")
    with tempfile.TemporaryDirectory(prefix="vos-perf-") as folder:
        root = Path(folder)
        clips = root / "clips"
        clips.mkdir()
        for number in range(videos):
            prompts = write_clip(clips / f"clip{number}.mp4", width, height, frames, 1)
            write_palette_png(clips / f"clip{number}.mask.png", prompts[0].pixels.astype("uint8"))
        return [
            _measure(clips, root / f"{index}", workers, available[:cores], short_side)
            for index, (workers, cores) in enumerate(setups)
        ]


def _measure(clips: Path, output: Path, workers: int, cores: list[int], short_side: int) -> BatchSpeed:
    command = [sys.executable, "-m", "vos", "batch", str(clips), "--output", str(output), "--json", "--device", "cpu"]
    command += ["--workers", str(workers), "--short-side", str(short_side)]
    frames = 0
    first_start = last_end = 0.0
    with _only_on(cores):
        began = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            for line in process.stderr or ():
                event = _event(line)
                now = time.monotonic()
                if event.get("event") == "started":
                    first_start = first_start or now
                elif event.get("event") == "done":
                    last_end = now
                    frames += event["result"]["frames"]
        ended = time.monotonic()
    if process.returncode != 0:
        raise VosError(f"the batch with {workers} worker(s) failed with exit status {process.returncode}")
    return BatchSpeed(workers, len(cores), ended - began, last_end - first_start, frames)


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        # A warning of a library.
        return {}
    return event if isinstance(event, dict) else {}


@contextmanager
def _only_on(cores: list[int]) -> Iterator[None]:
    """Restricts this process, and those that it starts meanwhile, to some processor cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
