"""`vos perf absence`: what is painted while an object is absent, and how it is found again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vos.cli.options import model_options

if TYPE_CHECKING:
    from vos.tracking.load_model import EngineName


@click.command("absence")
@model_options
@click.option("--clips", type=click.IntRange(1), default=8, show_default=True, help="Clips per setting.")
@click.option(
    "--stills",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Cut objects from these pictures: SOURCE/images/* and SOURCE/masks/*.png.  [default: drawn objects]",
)
@click.option("--absent-below", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def perf_absence(
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    clips: int,
    stills: Path | None,
    absent_below: float,
    as_json: bool,
) -> None:
    """Objects that leave the view for 20 frames and come back, alone and beside look-alikes.

    Painted pixels are a percentage of the object's own, per frame without it. An object counts as found again when its
    mask and the true one have an IoU of 0.5; frames are counted from the first that shows half of it.
    """
    from pipelines.perf.absence import measure_absence
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import load_model

    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine)
    scores = measure_absence(loaded, clips=clips, stills=stills, absent_below=absent_below)
    if as_json:
        click.echo(json.dumps({"clips": clips, "settings": [asdict(score) for score in scores]}))
        return

    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{scores[0].clips} clips of {'drawn' if stills is None else 'cut-out'} objects, 320x240")
    table.add_column("")
    for name in ("painted while away", "frames with any", "found again", "after frames", "identity kept", "mean J"):
        table.add_column(name, justify="right")
    for score in scores:
        after = "-" if score.reacquired_after is None else f"{score.reacquired_after:.0f}"
        table.add_row(
            score.setting,
            f"{score.false_pixels:.1%}",
            f"{score.false_frames:.0%}",
            f"{score.reacquired:.0%}",
            after,
            f"{score.identity_kept:.0%}",
            f"{score.jaccard:.3f}",
        )
    Console().print(table)
