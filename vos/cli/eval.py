"""`vos eval`: score masks, and pack them for the servers that hold the hidden ground truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from vos.cli.eval_ap import average_precision
from vos.cli.eval_events import events
from vos.cli.eval_stability import stability
from vos.cli.eval_tracks import tracks
from vos.cli.lazy import DefaultCommandGroup
from vos.errors import UsageError

if TYPE_CHECKING:
    from eval.report import Report
    from eval.run import Progress

_DEFAULT = "score"


@click.group(name="eval", cls=DefaultCommandGroup, default=_DEFAULT, no_args_is_help=True)
def evaluate_group() -> None:
    """Score predicted masks: J, F and J&F as the official tools compute them.

    \b
    vos eval clip_vos truth/
    vos eval results --dataset davis17 --root DAVIS
    vos eval pack results --dataset davis17 --root DAVIS --split test-dev

    `vos eval PREDICTIONS ...` is short for `vos eval score PREDICTIONS ...`; see
    `vos eval score --help` for all options. A folder named like a command, such
    as "pack", must be given as ./pack.
    """


evaluate_group.add_command(stability)
evaluate_group.add_command(tracks)
evaluate_group.add_command(events)
evaluate_group.add_command(average_precision)


@evaluate_group.command(_DEFAULT, short_help="Score a folder of masks (the default).")
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path), required=False)
@click.option("--dataset", metavar="NAME", help="Data set and task, for example davis16 or davis17.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the data set.")
@click.option("--split", metavar="NAME", help="Split of the data set, for DAVIS the name of a list in ImageSets.")
@click.option("--sequence", "sequences", multiple=True, metavar="NAME", help="Only this sequence; may be repeated.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@click.option("--allow-missing", is_flag=True, help="Score masks that are absent as empty instead of stopping.")
@click.option("--csv", "csv_folder", type=click.Path(path_type=Path), help="Write the official CSV files here.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all numbers to this file.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write a page with curves and worst frames.")
@click.option("--overwrite", is_flag=True, help="Replace result files that exist.")
@click.option(
    "--given-frame",
    type=click.Choice(["exclude", "include"]),
    default="exclude",
    show_default=True,
    help="youtube-vos: whether the frame in which a mask is given is scored.",
)
@click.option(
    "--unseen",
    type=click.Path(path_type=Path),
    help="youtube-vos, lvos-v1, lvos-v2: file that names unseen categories or videos.",
)
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Score only every Nth annotated frame, from the first on.",
)
@click.option(
    "--backend",
    type=click.Choice(["own", "official"]),
    default="own",
    show_default=True,
    help="official: also run davis2017-evaluation and show the largest difference.",
)
@click.option("--summary", is_flag=True, help="Print the overall numbers only.")
def score(
    predictions: Path,
    truth: Path | None,
    dataset: str | None,
    root: Path | None,
    split: str | None,
    sequences: tuple[str, ...],
    jobs: int,
    allow_missing: bool,
    csv_folder: Path | None,
    json_file: Path | None,
    html_file: Path | None,
    overwrite: bool,
    given_frame: Literal["exclude", "include"],
    unseen: Path | None,
    every: int,
    backend: str,
    summary: bool,
) -> None:
    """Score the masks in PREDICTIONS/<sequence>/<frame>.png against the ground truth in --root, or against TRUTH.

    With TRUTH, two folders are compared directly: folders of index PNG, output folders of runs, or folders of these.
    Files of one name belong together, and objects of one id; all frames that TRUTH has count.

    Exits with status 1, and lists what is missing, if predictions are incomplete.
    """
    if truth is not None:
        needless: dict[str, object] = {"--dataset": dataset, "--root": root, "--split": split, "--unseen": unseen}
        needless |= {"--csv": csv_folder, "--html": html_file, "--sequence": sequences, "--backend": backend != "own"}
        needless["--every"] = every != 1
        given = next((name for name, value in needless.items() if value), None)
        if given is not None:
            raise UsageError(f"{given} is for a data set; leave it out to compare {predictions} with {truth}")
        compare(predictions, truth, json_file, allow_missing=allow_missing, overwrite=overwrite, summary=summary)
        return
    if dataset is None or root is None:
        raise UsageError(
            "what are these masks to be compared with? Give a second folder (vos eval A B), or --dataset and --root"
        )
    from eval import evaluate
    from eval.csv_files import csv_files
    from eval.datasets import find_dataset
    from eval.html_report import html_report
    from eval.json_report import report_json
    from eval.outputs import refuse_existing, write_file

    chosen_split = split or find_dataset(dataset).default_split
    wanted = [path for path in (json_file, html_file) if path]
    if csv_folder:
        wanted += [csv_folder / f"{kind}_results-{chosen_split}.csv" for kind in ("global", "per-sequence")]
    refuse_existing(wanted, overwrite)
    with _progress_bar() as progress:
        report = evaluate(
            predictions,
            dataset=dataset,
            root=root,
            split=split,
            sequences=sequences,
            jobs=jobs,
            allow_missing=allow_missing,
            given_frame=given_frame,
            unseen=unseen,
            every=every,
            progress=progress,
        )
    print_report(report, summary=summary)
    if csv_folder:
        for name, text in csv_files(report).items():
            write_file(csv_folder / name, text, overwrite)
    if json_file:
        write_file(json_file, report_json(report), overwrite)
    if html_file:
        write_file(html_file, html_report(report), overwrite)
    if backend == "official":
        _compare_with_official(report, predictions, root, sequences)


def compare(
    predictions: Path, truth: Path, json_file: Path | None, *, allow_missing: bool, overwrite: bool, summary: bool
) -> None:
    """Prints J&F, J and F of one folder against another."""
    from dataclasses import asdict

    from eval.compare import compare_folders
    from eval.outputs import refuse_existing, write_file

    refuse_existing([json_file] if json_file else [], overwrite)
    found = compare_folders(predictions, truth, allow_missing=allow_missing)
    for note in found.notes:
        click.echo(f"vos: {note}", err=True)
    names = max(len("all"), *(len(own.sequence) for own in found.objects))
    click.echo(f"{'sequence':{names}}  object  frames    J&F      J      F")
    if not summary:
        for own in found.objects:
            scores = "  ".join(f"{value:.4f}"[:6] for value in (own.j_and_f, own.j, own.f))
            click.echo(f"{own.sequence:{names}}  {own.object_id:6d}  {own.frames:6d}  {scores}")
    overall = dict(zip(("J&F", "J", "F"), found.overall, strict=True))
    click.echo(f"{'all':{names}}  {'':6}  {'':6}  " + "  ".join(f"{value:.4f}" for value in overall.values()))
    if json_file:
        value = {"overall": overall, "objects": [asdict(own) for own in found.objects], "notes": found.notes}
        write_file(json_file, json.dumps(value, indent=2) + "\n", overwrite)


@evaluate_group.command("pack", short_help="Make the zip that a scoring server takes.")
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    required=True,
    metavar="NAME",
    help="davis17, davis17-unsupervised, youtube-vos, mosev2, lvos-v1, lvos-v2.",
)
@click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of the data set.")
@click.option("--split", required=True, metavar="NAME", help="Split that is submitted, for example test-dev.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The zip to write.")
@click.option("--overwrite", is_flag=True, help="Replace the zip if it exists.")
def pack(predictions: Path, dataset: str, root: Path, split: str, output: Path, overwrite: bool) -> None:
    """Check the masks in PREDICTIONS as the server of the data set would, and pack them into one zip.

    Exits with status 1 if a mask is missing, of another size than its frame, or holds an id that is not allowed.
    """
    from eval.pack import pack_submission

    masks = pack_submission(predictions, output, dataset=dataset, root=root, split=split, overwrite=overwrite)
    click.echo(f"{output}: {masks} masks")


@evaluate_group.command("interactive", short_help="DAVIS interactive: J&F-AUC and J&F@60s from a table.")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--metric", type=click.Choice(["J_AND_F", "J", "F"]), default="J_AND_F", show_default=True)
@click.option("--interactions", type=click.IntRange(min=1), default=8, show_default=True, help="Most per sample.")
@click.option("--seconds-per-object", type=float, default=30.0, show_default=True, help="Time limit per object.")
@click.option("--threshold", type=float, default=60.0, show_default=True, help="Seconds at which quality is quoted.")
def interactive(
    table: Path, metric: Literal["J_AND_F", "J", "F"], interactions: int, seconds_per_object: float, threshold: float
) -> None:
    """Score a session of DAVIS interactive from its CSV report.

    TABLE has the columns sequence, scribble_idx, interaction, object_id, frame, jaccard, contour and timing.
    """
    from eval.interactive import read_interactions, score_interactions

    scores = score_interactions(
        read_interactions(table),
        metric=metric,
        seconds_per_object=seconds_per_object,
        threshold=threshold,
        interactions=interactions,
    )
    click.echo(f"AUC {scores.auc:.4f}   at {scores.threshold:g} s {scores.at_threshold:.4f}")


def _compare_with_official(report: Report, predictions: Path, root: Path, sequences: tuple[str, ...]) -> None:
    from eval.official import largest_difference, run_official

    official = run_official(predictions, dataset=report.dataset, root=root, split=report.split, sequences=sequences)
    for (label, ours), (_, theirs) in zip(report.headline, official.headline, strict=True):
        click.echo(f"{label:>10}: ours {ours:.9f}   official {theirs:.9f}")
    click.echo(f"largest difference: {largest_difference(report, official):.3g}")


def print_report(report: Report, *, summary: bool) -> None:
    """Prints notes, a row per sequence, rows of its objects where it has several, and the overall numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        # A file or a pipe has no width; rich would assume 80 columns and cut numbers off.
        console = Console(highlight=False, width=160)
    for note in report.notes:
        console.print(f"note: {note}", markup=False, style="yellow")
    if report.missing:
        console.print(f"note: {len(report.missing)} absent mask(s) scored as empty", style="yellow")
    if not summary:
        table = Table(title=f"{report.dataset} {report.split}", box=SIMPLE_HEAD, title_justify="left")
        table.add_column("sequence", no_wrap=True)
        for label in ("obj", "frames", "J&F", "J", "J-rec", "J-dec", "F", "F-rec", "F-dec"):
            table.add_column(label, justify="right", no_wrap=True)
        for item in report.sequences:
            table.add_row(item.name, str(item.objects), str(item.frames), *_score_cells(item))
            if item.objects > 1:
                for row in (row for row in report.objects if row.sequence == item.name):
                    name = f"  {row.name} (object {row.series.object_id})"
                    table.add_row(name, "", str(len(row.series.stems)), *_score_cells(row), style="dim")
        console.print(table)
    overall = Table(box=SIMPLE_HEAD)
    for label, _ in report.headline:
        overall.add_column(label, justify="right", no_wrap=True)
    overall.add_row(*(f"{value:.4f}" for _, value in report.headline))
    console.print(overall)


def _score_cells(item: Any) -> list[str]:
    j, f = item.j, item.f
    values = (item.j_and_f, j.mean, j.recall, j.decay, f.mean, f.recall, f.decay)
    return [f"{value:.3f}" for value in values]


@contextmanager
def _progress_bar() -> Iterator[Progress | None]:
    """A bar on stderr while sequences are scored; nothing where stderr is not a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    from rich.progress import Progress as Bar

    # Drawn when a sequence is done: a bar that redraws itself has a thread, and evaluate() forks only without threads.
    with Bar(console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("scoring", total=None)

        def advance(name: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=name, refresh=True)

        yield advance
