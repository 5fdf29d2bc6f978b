"""`vos perf fleet`: speedup by more workers."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pipelines.cli.fleet_options import EVEN


@click.command("fleet")
@click.option("--videos", type=click.IntRange(1), default=8, show_default=True)
@click.option("--frames", type=click.IntRange(2), default=60, show_default=True, help="Length of each clip.")
@click.option("--width", type=EVEN, default=426, show_default=True)
@click.option("--height", type=EVEN, default=240, show_default=True)
@click.option("--short-side", type=click.IntRange(64, 2048), default=192, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(2),
    default=2,
    show_default=True,
    help="Numbers of workers to time, each worker on its own core.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def perf_fleet(videos: int, frames: int, width: int, height: int, short_side: int, workers: int, as_json: bool) -> None:
    """One batch by one worker on one core, then by several workers on as many cores.

    The work is timed from the first video handed out to the last one done. The time of the whole command includes the
    start of Python, and of Ray for several workers: some seconds, whatever the size of the batch.
    """
    from pipelines.perf.batch_speed import measure_batches

    runs = measure_batches(
        [(1, 1), (workers, workers)], videos=videos, frames=frames, width=width, height=height, short_side=short_side
    )
    if as_json:
        click.echo(json.dumps({"runs": [asdict(run) for run in runs]}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{videos} clips of {frames} frames, {width}x{height}, model at {short_side}, one thread each")
    for name in ("workers", "cores", "work s", "frames/s", "times", "command s", "times"):
        table.add_column(name, justify="right")
    for run in runs:
        table.add_row(
            str(run.workers),
            str(run.cores),
            f"{run.work_seconds:.1f}",
            f"{run.frames / run.work_seconds:.1f}",
            f"{runs[0].work_seconds / run.work_seconds:.2f}",
            f"{run.command_seconds:.1f}",
            f"{runs[0].command_seconds / run.command_seconds:.2f}",
        )
    Console().print(table)
