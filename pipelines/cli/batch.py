"""`vos batch`: masks for many videos."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.fleet_options import fleet_options, pool_factory
from vos.cli.options import model_options

if TYPE_CHECKING:
    from pipelines.fleet.batch import BatchOutcome


@click.command()
@click.argument("jobs")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the batch: one folder per job."
)
@click.option("--resume", is_flag=True, help="Continue the batch in the output folder: skip what is done.")
@click.option("--overwrite", is_flag=True, help="Replace what former runs wrote to the jobs' folders.")
@fleet_options
@model_options
@click.option("--absent-below", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option("--overlay/--no-overlay", default=False, show_default=True, help="Also write overlay.mp4.")
@click.option("--contact-sheet/--no-contact-sheet", default=False, show_default=True, help="Also write a sheet PNG.")
@click.option(
    "--split-frames",
    type=click.IntRange(2, 1_000_000),
    metavar="N",
    help="Split videos of more than N frames over the workers. Approximate: windows do not see each other.",
)
@click.option(
    "--split-overlap",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    metavar="M",
    help="Frames that a window shares with the one before; objects are matched in them.",
)
@click.option("--fps", "rate", metavar="RATE", help="Frames per second of image folders.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON lines on stderr, the outcome on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def batch(
    jobs: str,
    output: Path,
    resume: bool,
    overwrite: bool,
    workers: int | None,
    gpus: str | None,
    fraction: float | None,
    threads: int,
    address: str | None,
    decoders: str,
    stall: float,
    retries: int,
    model: str,
    weights: Path | None,
    device: str,
    short_side: int | None,
    absent_below: float,
    overlay: bool,
    contact_sheet: bool,
    split_frames: int | None,
    split_overlap: int,
    rate: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Masks for every video of JOBS, as `vos track` would make them one by one.

    JOBS is a folder of videos, a pattern ('clips/*.mp4'), or a manifest: a .csv file whose header names columns, or a
    .jsonl file. In a folder, clip.mp4 is prompted by clip.stroke.png or clip.mask.png next to it. A manifest has the
    column video, at least one of mask, stroke, box, point, polygon, and any of name, negative_point, model, weights,
    short_side, absent_below, overlay, contact_sheet, rate, split_frames, split_overlap. Options apply to jobs that do
    not set their own.

    All jobs are checked before the first is started. A job that fails does not stop the others. Stopped by Ctrl-C or
    by a crash, the batch continues with --resume. Exit status 1 if a job failed.
    """
    from pipelines.cli.batch_progress import choose_batch_progress
    from pipelines.fleet.batch import run_batch
    from pipelines.fleet.job_list import read_rows
    from pipelines.fleet.jobs import ModelSpec
    from pipelines.fleet.rows import Defaults

    defaults = Defaults(
        output=output.absolute(),
        model=ModelSpec(model, None if weights is None else str(weights.resolve()), device, short_side),
        absent_below=absent_below,
        overlay=overlay,
        contact_sheet=contact_sheet,
        rate=rate,
        split_frames=split_frames,
        split_overlap=split_overlap,
        require_empty=not (resume or overwrite),
    )
    with (
        stop_on_signals(f"go on with --resume --output {output}"),
        pool_factory(
            workers=workers,
            gpus=gpus,
            fraction=fraction,
            threads=threads,
            address=address,
            stall=stall,
            device=device,
            decoders=decoders,
        ) as make_pool,
        choose_batch_progress(quiet=quiet, as_json=as_json) as progress,
    ):
        outcome = run_batch(
            read_rows(jobs),
            defaults,
            make_pool,
            threads=threads,
            resume=resume,
            overwrite=overwrite,
            retries=retries,
            on_event=progress.hear,
        )
    return report(outcome, output, as_json=as_json, quiet=quiet)


@contextmanager
def stop_on_signals(remedy: str) -> Iterator[None]:
    """SIGTERM stops as Ctrl-C does (a cluster's scheduler sends it); what to do next is said in either case."""

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"vos: stopped; {remedy}", err=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def report(outcome: BatchOutcome, output: Path, *, as_json: bool, quiet: bool) -> int:
    """Tells what came of the batch; 1 if a job failed or a video broke off."""
    if as_json:
        summary = {
            "event": "batch",
            "done": outcome.done,
            "failed": outcome.failed,
            "frames": outcome.frames,
            "problems": outcome.problems,
            "truncated": outcome.truncated,
            "approximate": outcome.approximate,
            "output": str(output),
        }
        click.echo(json.dumps(summary))
    elif not quiet:
        click.echo(f"{outcome.done} done, {outcome.failed} failed, {outcome.frames} masks in {output}")
    if outcome.problems and not as_json:
        _print_problems(outcome)
    for name, where in outcome.truncated.items():
        click.echo(f"vos: {name}: the video is {where}; the masks before that are written", err=True)
    if outcome.approximate and not as_json and not quiet:
        click.echo(f"{len(outcome.approximate)} split into windows: approximate, see run.json")
    for name, doubts in outcome.approximate.items():
        for doubt in doubts:
            click.echo(f"vos: {name}: {doubt}; look at it, or track the video in one piece", err=True)
    return 1 if outcome.failed or outcome.truncated else 0


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
