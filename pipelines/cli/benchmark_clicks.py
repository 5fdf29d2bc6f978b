"""`vos benchmark clicks`: how masks improve from click to click."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from pipelines.cli.davis_options import davis_options
from vos.cli.options import model_options, threads_option

if TYPE_CHECKING:
    from pipelines.interactive.click_scores import CurveScores, TrackedScores
    from pipelines.interactive.run_clicks import ClickReport
    from vos.tracking.load_model import EngineName


@click.command("clicks", short_help="A robot that clicks in the largest error: IoU by clicks; corrected frames.")
@click.option(
    "--stills",
    type=click.Path(exists=True, path_type=Path),
    help="Held-out pictures: a folder with images/ and masks/, a folder of such folders, or a mix for vos train.",
)
@click.option(
    "--held-aside",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    metavar="SHARE",
    help="With --stills: only what `vos train --hold-aside SHARE` leaves out of training.",
)
@click.option("--root", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of DAVIS.")
@davis_options
@click.option(
    "--part",
    type=click.Choice(["curves", "tracked", "both"]),
    default="both",
    show_default=True,
    help="With --root: the first frames clicked, tracked frames corrected, or both.",
)
@click.option("--clicks", type=click.IntRange(1, 100), default=10, show_default=True, help="Clicks per object.")
@click.option(
    "--every", type=click.IntRange(1), default=20, show_default=True, help="Distance of corrected frames in a sequence."
)
@click.option(
    "--least-error",
    type=click.FloatRange(0),
    default=0.005,
    show_default=True,
    metavar="SHARE",
    help="On tracked frames: smallest error that is corrected, as a share of the object's pixels.",
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most N pictures and N sequences, drawn by --seed."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps finished rows.",
)
@click.option("--resume", is_flag=True, help="Continue the rows in the output file.")
@model_options
@threads_option
@click.option("--json", "as_json", is_flag=True, help="All numbers and cases as one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def benchmark_clicks(
    stills: Path | None,
    held_aside: float,
    root: Path | None,
    dataset: str,
    split: str,
    sequences: str | None,
    part: Literal["curves", "tracked", "both"],
    clicks: int,
    every: int,
    least_error: float,
    limit: int | None,
    seed: int,
    output: Path | None,
    resume: bool,
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """A robot user clicks in the middle of the largest wrong region, and says what should be there.

    Curves: the first click finds an object of a picture (--stills) or of the first frame of a sequence (--root), more
    clicks improve it; IoU after 1, 2, 3, 5 and 10 of them. Tracked: one click on every 20th frame of a sequence that
    is tracked from its true first mask; whether this frame and the 20 after it improve, and what else changes.

    \b
    vos benchmark clicks --stills stills/coco --limit 50
    vos benchmark clicks --root DAVIS -o clicks.jsonl
    vos benchmark clicks --root DAVIS --part tracked --sequences boat,kite-walk
    """
    from pipelines.interactive.run_clicks import ClickRequest, measure_clicks
    from vos.errors import UsageError
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import load_model

    if resume and output is None:
        raise UsageError("--resume: give the file to continue with --output")
    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine, threads=threads)
    request = ClickRequest(
        stills=None if stills is None else str(stills),
        share=held_aside,
        root=None if root is None else str(root),
        dataset=dataset,
        split=split,
        sequences=tuple(name.strip() for name in (sequences or "").split(",") if name.strip()),
        curves=part != "tracked",
        tracked=part != "curves",
        clicks=clicks,
        every=every,
        least_error=least_error,
        limit=limit,
        seed=seed,
    )

    def tell(name: str, done: int, total: int) -> None:
        click.echo(f"vos: {done + 1}/{total} {name}", err=True)

    quietly = quiet or as_json
    report = measure_clicks(loaded, request, output=output, resume=resume, **({} if quietly else {"on_progress": tell}))
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        _print(report)


def _print(report: ClickReport) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    curves = [("held-out pictures", report.stills), ("first frames", report.first_frames)]
    measured = [(name, scores) for name, scores in curves if scores is not None]
    if not measured and report.tracked is None:
        click.echo("nothing to measure: no object is large enough, or no frame has an error worth a click")
        return
    if measured:
        table = Table(title="mean IoU after clicks in the largest error", box=SIMPLE_HEAD, title_justify="left")
        table.add_column("")
        for label in ("objects", *map(str, measured[0][1].iou)):
            table.add_column(label, justify="right")
        for name, scores in measured:
            table.add_row(name, str(scores.cases), *(f"{value:.3f}" for value in scores.iou.values()))
        console.print(table)
        for name, scores in measured:
            console.print(f"{name}: {_about_curve(scores)}")
    if report.tracked is not None:
        console.print(_about_tracked(report.tracked))


def _about_curve(scores: CurveScores) -> str:
    return (
        f"the mean {'never falls' if scores.never_falls else 'FALLS at some click'}; "
        f"{scores.improved:.0%} of further clicks improve; after three {100 * scores.gain_of_three:+.1f} points; "
        f"{scores.collateral:.1%} of the object changes elsewhere; {scores.disobeyed} clicked pixels wrong at the end; "
        f"{scores.refused} refused"
    )


def _about_tracked(scores: TrackedScores) -> str:
    return (
        f"{scores.cases} corrected frames: IoU {scores.iou:.3f} -> {scores.iou_after:.3f}, improved in "
        f"{scores.improved:.1%}; mean IoU of the frames after {scores.later:.3f} -> {scores.later_after:.3f}, improved "
        f"in {scores.later_improved:.1%}, at most .001 lower in {scores.later_kept:.1%}; {scores.collateral:.2%} of "
        f"the object changes outside the error, {scores.harm:.2%} for the worse; {scores.disobeyed} clicked "
        f"pixels wrong; {scores.refused} refused"
    )
