"""`vos perf memory`: resident memory over a long video."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vos.cli.options import model_options

if TYPE_CHECKING:
    from vos.tracking.load_model import EngineName


@click.command("memory")
@model_options
@click.option("--frames", type=click.IntRange(10), default=2000, show_default=True, help="Length of the video.")
@click.option("--width", type=click.IntRange(32), default=160, show_default=True)
@click.option("--height", type=click.IntRange(32), default=96, show_default=True)
@click.option("--objects", type=click.IntRange(1, 50), default=1, show_default=True)
@click.option("--overlay", is_flag=True, help="Write an overlay video too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def perf_memory(
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    frames: int,
    width: int,
    height: int,
    objects: int,
    overlay: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Resident memory of a whole run (decode, track, masks, journal, snapshots) on a synthetic video.

    Prints peak resident memory after increasing numbers of frames, its growth since frame 500 and the slope by least
    squares. The video is drawn and encoded frame by frame to a temporary file. For 20,000 frames in reasonable time
    take a small picture: --frames 20000 --width 96 --height 64 --short-side 64.
    """
    from pipelines.perf.memory import measure_memory
    from vos.cli.progress import choose_progress
    from vos.resources.allocator import keep_freed_memory
    from vos.resources.ram_budget import MIB
    from vos.tracking.load_model import load_model

    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine)
    with choose_progress("memory", quiet=quiet or as_json, as_json=False) as progress:
        curve = measure_memory(
            loaded,
            width=width,
            height=height,
            frames=frames,
            objects=objects,
            overlay=overlay,
            on_frame=progress.advance,
        )
    if as_json:
        click.echo(json.dumps(asdict(curve)))
        return

    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{width}x{height}, {objects} object{'s' if objects > 1 else ''}, model at {loaded.short_side}")
    table.add_column("frames", justify="right")
    table.add_column("greatest resident MiB", justify="right")
    for place, value in curve.points:
        table.add_row(str(place), f"{value / MIB:.1f}")
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"growth after warm-up {curve.growth:+.2%}, slope {curve.slope / 1024 * 1000:+.1f} KiB per 1000 frames, "
        f"expected at most {curve.estimate / MIB:.0f} MiB"
    )
