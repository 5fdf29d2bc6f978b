"""`vos perf ...`: measurements of speed and memory, each a file of its own."""

from __future__ import annotations

import click

from vos.cli.lazy import CommandEntry, LazyGroup

MEASUREMENTS: dict[str, CommandEntry] = {
    "track": CommandEntry("pipelines.cli.perf_track:perf_track", "Frames per second of tracking, split by stage."),
    "pipeline": CommandEntry(
        "pipelines.cli.perf_pipeline:perf_pipeline", "How much overlapping decoding and writing saves."
    ),
    "memory": CommandEntry(
        "pipelines.cli.perf_memory:perf_memory", "Resident memory over a long video, and its slope."
    ),
    "absence": CommandEntry(
        "pipelines.cli.perf_absence:perf_absence", "Pixels painted while an object is away; its return."
    ),
    "fleet": CommandEntry("pipelines.cli.perf_fleet:perf_fleet", "Speedup of a batch of videos by more workers."),
    "model": CommandEntry("pipelines.cli.perf_model:perf_model", "Cost of one frame of a released SEEM model."),
    "ui": CommandEntry("pipelines.cli.perf_ui:perf_ui", "Stroke to first mask, and the browser app's memory."),
    "eval": CommandEntry(
        "pipelines.cli.perf_eval:perf_eval", "Speed and memory of the scorer, compared with a plain implementation."
    ),
}


@click.group(cls=LazyGroup, entries=MEASUREMENTS)
def perf() -> None:
    """Measure speed and memory on this machine. Only ratios within one run are comparable: the load varies."""
