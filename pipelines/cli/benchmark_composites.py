"""`vos benchmark composites`: several objects with exact ids, out of sequences of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.clip_report import run_and_report
from vos.cli.options import model_options

if TYPE_CHECKING:
    from vos.tracking.load_model import EngineName


@click.command(short_help="Track pairs and triples of DAVIS-2016 objects in one scene.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of DAVIS-2016.",
)
@click.option("--split", default="train", show_default=True, metavar="NAME", help="List in ImageSets/2016.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which sequences meet, and where.")
@click.option("--clips", type=click.IntRange(1), default=20, show_default=True, help="Scenes; pairs, triples by turns.")
@click.option("--frames", type=click.IntRange(12), default=40, show_default=True, help="Longest scene.")
@click.option(
    "--save", type=click.Path(path_type=Path), help="Write the scenes in the layout of DAVIS-2017, and track nothing."
)
@click.option("--jobs", type=click.IntRange(1), help="Processes, one scene each at a time.  [default: processors]")
@model_options
@click.option("--absent-below", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write all numbers to this JSON file.")
@click.option("--json", "as_json", is_flag=True, help="The report on stdout.")
def composites(
    root: Path,
    split: str,
    seed: int,
    clips: int,
    frames: int,
    save: Path | None,
    jobs: int | None,
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    absent_below: float,
    report: Path | None,
    as_json: bool,
) -> None:
    """Paste the objects of one or two DAVIS-2016 sequences into a third, track all of them, score by exact ids.

    \b
    vos benchmark composites --root DAVIS
    vos benchmark composites --root DAVIS --save composites
    """
    from pipelines.made.composites import CompositeSet
    from pipelines.made.run import MadeTracker

    scenes = CompositeSet(str(root.resolve()), split, seed, clips, frames)
    if save is not None:
        from pipelines.made.save import SPLIT, save_clips

        save_clips(scenes, save)
        click.echo(f"{clips} scenes in {save}; run them with: vos benchmark davis17 --root {save} --split {SPLIT}")
        return
    tracker = MadeTracker(
        model, None if weights is None else str(weights.resolve()), device, engine, short_side, absent_below
    )
    title = f"composites of DAVIS-2016 {split}: seed {seed}, {clips} scenes of up to {frames} frames"
    run_and_report(scenes, tracker, title, jobs=jobs, report=report, as_json=as_json)
