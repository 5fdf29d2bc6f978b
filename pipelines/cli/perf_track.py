"""`vos perf track`: frames per second of tracking, split by stage."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from vos.cli.options import model_options


@click.command("track")
@model_options
@click.option("--frames", type=click.IntRange(10), default=120, show_default=True, help="Length of the clip.")
@click.option("--width", type=click.IntRange(32), default=854, show_default=True)
@click.option("--height", type=click.IntRange(32), default=480, show_default=True)
@click.option(
    "--objects", type=click.IntRange(1, 50), multiple=True, default=(1, 3), show_default=True, help="May be repeated."
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads of the network.  [default: all cores]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def perf_track(
    model: str,
    weights: Path | None,
    device: str,
    short_side: int | None,
    frames: int,
    width: int,
    height: int,
    objects: tuple[int, ...],
    threads: int | None,
    as_json: bool,
) -> None:
    """Frames per second of decoding, tracking and writing PNG masks, on a synthetic clip.

    Stages marked with * run in threads of their own. With several --objects, times relative to the first are printed
    too.
    """
    import torch

    from pipelines.perf.track_speed import measure_track
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import load_model

    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side)
    runs = [measure_track(loaded, width=width, height=height, frames=frames, objects=n) for n in objects]
    if as_json:
        click.echo(json.dumps({"threads": torch.get_num_threads(), "runs": [asdict(run) for run in runs]}))
        return

    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{width}x{height}, {frames} frames, {loaded.device}, {torch.get_num_threads()} threads, "
        f"model at {loaded.short_side}; ms per frame"
    )
    table.add_column("")
    for run in runs:
        table.add_column(f"{run.objects} object{'s' if run.objects > 1 else ''}", justify="right")
    for name in runs[0].stages:
        mark = " *" if name in runs[0].threaded else ""
        table.add_row(name + mark, *(f"{run.stages[name]:.1f}" for run in runs))
    table.add_section()
    table.add_row("whole pipeline", *(f"{1000 / run.fps:.1f}" for run in runs))
    table.add_row("frames per second", *(f"{run.fps:.1f}" for run in runs))
    table.add_row("time over first column", *(f"{runs[0].fps / run.fps:.2f}" for run in runs))
    Console().print(table)
