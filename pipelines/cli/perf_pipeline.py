"""`vos perf pipeline`: where the time of one worker goes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.fleet_options import EVEN
from vos.cli.options import model_options

if TYPE_CHECKING:
    from vos.tracking.load_model import EngineName


@click.command("pipeline")
@model_options
@click.option("--frames", type=click.IntRange(10), default=60, show_default=True, help="Length of the clip.")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How often each stage runs over the whole clip; medians are printed.",
)
@click.option("--width", type=EVEN, default=854, show_default=True)
@click.option("--height", type=EVEN, default=480, show_default=True)
@click.option("--objects", type=click.IntRange(1, 50), default=1, show_default=True)
@click.option("--overlay/--no-overlay", default=False, show_default=True, help="Also encode an overlay video.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of the network.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def perf_pipeline(
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    frames: int,
    rounds: int,
    width: int,
    height: int,
    objects: int,
    overlay: bool,
    threads: int,
    as_json: bool,
) -> None:
    """Decoding, inference and writing one by one and together, on a synthetic clip held in memory.

    The faster stages overlap with the slowest one only if there are enough processor cores.
    """
    from pipelines.perf.pipeline_speed import measure_pipeline
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import load_model

    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine, threads=threads)
    speed = measure_pipeline(
        loaded, width=width, height=height, frames=frames, objects=objects, overlay=overlay, rounds=rounds
    )
    if as_json:
        summary = {"slowest": speed.slowest, "efficiency": speed.efficiency, "gain": speed.gain}
        click.echo(json.dumps({**asdict(speed), **summary}))
        return

    from rich.console import Console
    from rich.table import Table

    where = f"{loaded.engine}, {loaded.device}, {threads} thread(s)"
    table = Table(title=f"{width}x{height}, {frames} frames, {rounds} round(s), {objects} object(s), {where}")
    table.add_column("")
    table.add_column("ms per frame", justify="right")
    table.add_column("frames/s", justify="right")
    for name in ("decode", "infer", "write"):
        value = getattr(speed, name)
        table.add_row(f"{name} alone", f"{value:.1f}", f"{1000 / value:.1f}")
    table.add_section()
    table.add_row("together, in threads", f"{speed.together:.1f}", f"{1000 / speed.together:.1f}")
    table.add_row("  waiting for frames", f"{speed.wait_for_decode:.1f}", "")
    table.add_row("  waiting for writers", f"{speed.wait_for_write:.1f}", "")
    Console().print(table)
    click.echo(
        f"{100 * speed.efficiency:.0f} % of the rate of the slowest stage ({speed.slowest}); "
        f"{speed.gain:.2f} times as fast as running the stages in sequence"
    )
