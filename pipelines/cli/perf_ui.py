"""`vos perf ui`: the browser app's server."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from vos.cli.options import model_options

if TYPE_CHECKING:
    from vos.tracking.load_model import EngineName


@click.command("ui")
@model_options
@click.option("--strokes", type=click.IntRange(1, 200), default=10, show_default=True, help="Strokes to time.")
@click.option("--width", type=click.IntRange(64), default=1280, show_default=True)
@click.option("--height", type=click.IntRange(64), default=720, show_default=True)
@click.option("--runs", type=click.IntRange(0), default=50, show_default=True, help="Propagations; 0 for none.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def perf_ui(
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    strokes: int,
    width: int,
    height: int,
    runs: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Time from a stroke to its first mask, and the server's memory over many propagations.

    A real server on a free port and a client over HTTP, without a browser; both in this process. Strokes are drawn on
    a synthetic clip of the given size, each on a frame not viewed before; propagations run on 8 frames of
    320x180, and after each one all frames and masks are fetched.
    """
    from pipelines.perf.browser_app import WARM_UP, measure_first_masks, measure_memory_over_runs
    from vos.cli.progress import choose_progress
    from vos.resources.allocator import keep_freed_memory
    from vos.resources.ram_budget import MIB
    from vos.tracking.load_model import load_model

    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine)
    masks = measure_first_masks(loaded, width=width, height=height, strokes=strokes)
    memory = None
    if runs:
        with choose_progress("propagations", quiet=quiet or as_json, as_json=False) as progress:
            memory = measure_memory_over_runs(loaded, width=320, height=180, runs=runs, on_run=progress.advance)
    if as_json:
        click.echo(json.dumps({"first_masks": asdict(masks), "memory": None if memory is None else asdict(memory)}))
        return
    click.echo(f"stroke to first mask, {width}x{height}, median and greatest of {strokes}, in seconds:")
    for name, times in (
        ("stroke sent at its end", masks.cold),
        ("frame prepared while drawing", masks.drawn),
        ("another stroke on the frame", masks.further),
    ):
        click.echo(f"  {name:30} {median(times):.3f}  {max(times):.3f}")
    if memory is not None:
        shown = [memory.resident[i] / MIB for i in sorted({0, min(WARM_UP, runs) - 1, runs // 2, runs - 1})]
        click.echo(
            f"resident memory over {runs} propagations: {', '.join(f'{value:.1f}' for value in shown)} MiB "
            f"(growth after the first {min(WARM_UP, runs)}: {memory.growth:+.2%})"
        )
