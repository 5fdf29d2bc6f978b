"""`vos eval stability`: how steady the contours of masks are over time."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import click


@click.command(short_help="Temporal stability T of DAVIS-2016, without ground truth.")
@click.argument("predictions", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequence", "sequences", multiple=True, help="Only this sequence; may be repeated.")
@click.option("--all-frames", is_flag=True, help="Also use the first frame and the last, which DAVIS leaves out.")
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON on stdout.")
def stability(predictions: Path, sequences: tuple[str, ...], all_frames: bool, as_json: bool) -> None:
    """Print the temporal stability T of the masks in PREDICTIONS/<sequence>/<frame>.png, per object; lower is steadier.

    T compares the contours of neighbouring frames, so that fast deformation counts as well as flicker: compare methods
    on the same sequences only. Frames without the object are left out.
    """
    from eval.errors import DatasetError
    from eval.stability import folder_stability

    names = sequences or tuple(sorted(path.name for path in predictions.iterdir() if path.is_dir()))
    if not names:
        raise DatasetError(f"{predictions}: no sequence (a folder of PNG masks) found")
    rows = [row for name in names for row in folder_stability(predictions / name, skip_ends=not all_frames)]
    known = [row.t for row in rows if not math.isnan(row.t)]
    mean = sum(known) / len(known) if known else None
    if as_json:
        objects = [{**asdict(row), "t": None if math.isnan(row.t) else row.t} for row in rows]
        click.echo(json.dumps({"T": mean, "objects": objects}))
        return
    for row in rows:
        click.echo(f"{row.sequence:24} object {row.object_id:<5} {row.t:.4f}  ({row.pairs} pairs of frames)")
    click.echo("no object is in two neighbouring frames" if mean is None else f"{'mean over objects':24} T {mean:.4f}")
