"""`vos perf track`: frames per second of tracking, split by stage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vos.cli.options import model_options, threads_option

if TYPE_CHECKING:
    from pipelines.perf.track_speed import TrackSpeed
    from seem_model.video_model import VideoModel
    from vos.tracking.load_model import EngineName


@click.command("track")
@model_options
@click.option("--frames", type=click.IntRange(10), default=120, show_default=True, help="Length of the clip.")
@click.option("--width", type=click.IntRange(32), default=854, show_default=True)
@click.option("--height", type=click.IntRange(32), default=480, show_default=True)
@click.option(
    "--objects", type=click.IntRange(1, 50), multiple=True, default=(1, 3), show_default=True, help="May be repeated."
)
@threads_option
@click.option(
    "--beside-busy-loop",
    "busy",
    type=click.IntRange(0, 64),
    default=0,
    show_default=True,
    help="Measure everything once more beside so many processes that never wait.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def perf_track(
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    frames: int,
    width: int,
    height: int,
    objects: tuple[int, ...],
    threads: int | None,
    busy: int,
    as_json: bool,
) -> None:
    """Frames per second of decoding, tracking and writing PNG masks, on a synthetic clip.

    Stages marked with * run in threads of their own. With several --objects, times relative to the first are printed
    too.
    """
    from pipelines.perf.track_speed import busy_loops, measure_track
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import load_model

    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine, threads=threads)

    def measure() -> list[TrackSpeed]:
        return [measure_track(loaded, width=width, height=height, frames=frames, objects=n) for n in objects]

    runs = measure()
    beside: list[TrackSpeed] = []
    if busy:
        with busy_loops(busy):
            beside = measure()
    if as_json:
        click.echo(json.dumps(_summary(loaded, runs, busy, beside)))
        return

    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{width}x{height}, {frames} frames, {loaded.engine}, {loaded.device}, {loaded.threads} threads, "
        f"model at {loaded.short_side}; ms per frame"
    )
    table.add_column("")
    for number, run in enumerate([*runs, *beside]):
        where = f", beside {busy}" if number >= len(runs) else ""
        table.add_column(f"{run.objects} object{'s' if run.objects > 1 else ''}{where}", justify="right")
    for name in runs[0].stages:
        mark = " *" if name in runs[0].threaded else ""
        table.add_row(name + mark, *(f"{run.stages[name]:.1f}" for run in (*runs, *beside)))
    table.add_section()
    table.add_row("whole pipeline", *(f"{1000 / run.fps:.1f}" for run in (*runs, *beside)))
    table.add_row("frames per second", *(f"{run.fps:.1f}" for run in (*runs, *beside)))
    table.add_row("time over first column", *(f"{runs[0].fps / run.fps:.2f}" for run in (*runs, *beside)))
    Console().print(table)


def _summary(model: VideoModel, runs: Sequence[TrackSpeed], busy: int, beside: Sequence[TrackSpeed]) -> dict[str, Any]:
    summary: dict[str, Any] = {"engine": model.engine, "threads": model.threads, "runs": [asdict(run) for run in runs]}
    if beside:
        summary["beside_busy_loop"] = {"processes": busy, "runs": [asdict(run) for run in beside]}
    return summary
