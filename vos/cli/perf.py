"""`vos perf ...`: benchmarks, each a file of its own."""

from __future__ import annotations

import click

from vos.cli.lazy import CommandEntry, LazyGroup

BENCHMARKS: dict[str, CommandEntry] = {
    "track": CommandEntry("vos.cli.perf_track:perf_track", "Frames per second of tracking, split by stage."),
    "model": CommandEntry("vos.cli.perf_model:perf_model", "CPU seconds per frame of a SEEM model, split by stage."),
    "memory": CommandEntry("vos.cli.perf_memory:perf_memory", "Resident memory over a long video, and its slope."),
    "absence": CommandEntry("vos.cli.perf_absence:perf_absence", "Pixels painted while an object is away; its return."),
    "fleet": CommandEntry("vos.cli.perf_fleet:perf_fleet", "What more workers buy for a batch of videos."),
    "pipeline": CommandEntry("vos.cli.perf_pipeline:perf_pipeline", "What overlapping decoding and writing buys."),
    "eval": CommandEntry("vos.cli.perf_eval:perf_eval", "Speed and memory of the scorer against a plain baseline."),
}


@click.group(cls=LazyGroup, entries=BENCHMARKS)
def perf() -> None:
    """Measure speed and memory on this machine. Ratios of one run compare; absolute numbers depend on the load."""
