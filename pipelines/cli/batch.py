"""`vos batch`: masks for many videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.fleet_options import FleetOptions, fleet_options, fleet_session
from vos.cli.options import absent_below_option, model_options, reading_options

if TYPE_CHECKING:
    from pipelines.fleet.batch import BatchOutcome
    from vos.tracking.load_model import EngineName

_SHOWN_NAMES = 10


@click.command()
@click.argument("jobs")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the batch: one folder per job."
)
@click.option(
    "--resume", is_flag=True, help="Continue the batch in the output folder, without the videos that are done."
)
@click.option("--overwrite", is_flag=True, help="Replace the files of earlier runs in the folders of jobs.")
@fleet_options
@model_options
@absent_below_option
@click.option("--overlay/--no-overlay", default=False, show_default=True, help="Also write overlay.mp4.")
@click.option("--contact-sheet/--no-contact-sheet", default=False, show_default=True, help="Also write a sheet PNG.")
@click.option(
    "--split-frames",
    type=click.IntRange(2, 1_000_000),
    metavar="N",
    help="Split videos of more than N frames among the workers. Approximate: each part is tracked on its own.",
)
@click.option(
    "--split-overlap",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    metavar="M",
    help="Frames that a part shares with the one before it; objects are matched on these.",
)
@reading_options()
@click.option("--json", "as_json", is_flag=True, help="Events as JSON lines on stderr, the summary as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def batch(
    jobs: str,
    output: Path,
    resume: bool,
    overwrite: bool,
    fleet: FleetOptions,
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    absent_below: float,
    overlay: bool,
    contact_sheet: bool,
    split_frames: int | None,
    split_overlap: int,
    reading: dict[str, str],
    as_json: bool,
    quiet: bool,
) -> int:
    """Track every video of JOBS, as `vos track` would one by one.

    JOBS is a folder of videos, a pattern ('clips/*.mp4') or a manifest: a .csv file whose header names the columns, or
    a .jsonl file. In a folder, clip.mp4 is prompted by clip.stroke.png, clip.mask.png or clip.prompts.json beside it.

    A manifest has the column video and a column for each kind of prompt it uses: script, stroke, mask, box, point,
    negative_point, polygon, text, reference (with reference_mask or reference_stroke). The columns frame, object and
    direction apply to the prompts of their row, remove ends an object. Further columns, name, model, weights,
    short_side, absent_below, overlay, contact_sheet, rate, images, range, split_frames and split_overlap, take
    precedence over the options of the command. Several values of a cell are separated by |.

    All rows are checked before the first video is tracked. A video that fails does not stop the others. After Ctrl-C
    or a crash the batch continues with --resume. The exit status is 1 if a video failed or broke off, or
    if no object was found in one. --fps, --images and --range apply to folders of images.
    """
    from pipelines.fleet.batch import run_batch
    from pipelines.fleet.job_list import read_rows
    from pipelines.fleet.jobs import ModelSpec
    from pipelines.fleet.rows import Defaults

    defaults = Defaults(
        output=output.absolute(),
        model=ModelSpec.of_options(model, weights, device, short_side, engine),
        absent_below=absent_below,
        overlay=overlay,
        contact_sheet=contact_sheet,
        reading=reading,
        split_frames=split_frames,
        split_overlap=split_overlap,
        require_empty=not (resume or overwrite),
    )
    with fleet_session(
        fleet, device=device, remedy=f"continue with --resume --output {output}", quiet=quiet, as_json=as_json
    ) as (make_pool, on_event):
        outcome = run_batch(
            read_rows(jobs),
            defaults,
            make_pool,
            threads=fleet.threads,
            resume=resume,
            overwrite=overwrite,
            retries=fleet.retries,
            on_event=on_event,
        )
    return report(outcome, output, as_json=as_json, quiet=quiet)


def report(outcome: BatchOutcome, output: Path, *, as_json: bool, quiet: bool) -> int:
    """Prints the outcome of the batch; returns 1 if a job failed or found nothing or a video is truncated, else 0."""
    if as_json:
        summary = {
            "event": "batch",
            "done": outcome.done,
            "failed": outcome.failed,
            "frames": outcome.frames,
            "problems": outcome.problems,
            "truncated": outcome.truncated,
            "notes": outcome.notes,
            "found_nothing": outcome.found_nothing,
            "approximate": outcome.approximate,
            "output": str(output),
        }
        click.echo(json.dumps(summary))
    elif not quiet:
        click.echo(f"{outcome.done} done, {outcome.failed} failed, {outcome.frames} masks in {output}")
    if outcome.problems and not as_json:
        _print_problems(outcome)
    for name, notes in outcome.notes.items():
        for note in notes:
            click.echo(f"vos: {name}: {note}", err=True)
    if outcome.found_nothing:
        shown = ", ".join(outcome.found_nothing[:_SHOWN_NAMES])
        more = f" and {len(outcome.found_nothing) - _SHOWN_NAMES} more" if outcome.found_nothing[_SHOWN_NAMES:] else ""
        click.echo(f"vos: no object was found in any frame of {shown}{more}: all masks are empty", err=True)
    for name, where in outcome.truncated.items():
        click.echo(f"vos: {name}: the video is {where}; the masks up to there are written", err=True)
    if outcome.approximate and not as_json and not quiet:
        click.echo(f"{len(outcome.approximate)} split into parts: approximate, see run.json")
    for name, doubts in outcome.approximate.items():
        for doubt in doubts:
            click.echo(f"vos: {name}: {doubt}; check it, or track the video in one piece", err=True)
    return 1 if outcome.failed or outcome.truncated or outcome.found_nothing else 0


def _print_problems(outcome: BatchOutcome) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=True, highlight=False, width=160)
    table = Table(box=SIMPLE_HEAD, title="failed", title_justify="left")
    table.add_column("job", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for name, problem in outcome.problems.items():
        table.add_row(Text(name), Text(problem))
    console.print(table)
    if outcome.failed > len(outcome.problems):
        console.print(f"and {outcome.failed - len(outcome.problems)} more")
