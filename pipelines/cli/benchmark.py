"""`vos benchmark`: run a data set, score it, report; and the other benchmarks, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.fleet_options import FleetOptions, fleet_options, fleet_session
from vos.cli.lazy import CommandEntry, LazyDefaultGroup
from vos.cli.options import absent_below_option, model_options, reading_options

if TYPE_CHECKING:
    from pipelines.datasets.benchmark import BenchmarkOutcome
    from vos.tracking.load_model import EngineName

_PROMPTS = ("mask", "stroke", "box", "point", "scribble")


_DEFAULT = "run"
_BENCHMARKS: dict[str, CommandEntry] = {
    _DEFAULT: CommandEntry("pipelines.cli.benchmark:run", "Track a whole data set and score the masks (the default)."),
    "davis-interactive": CommandEntry(
        "pipelines.cli.benchmark_interactive:benchmark_interactive",
        "A robot user scribbles in the worst frame, round by round: J&F-AUC, J&F@60s.",
    ),
    "clicks": CommandEntry(
        "pipelines.cli.benchmark_clicks:benchmark_clicks", "A robot user clicks: IoU by clicks; corrected frames."
    ),
    "made": CommandEntry(
        "pipelines.cli.benchmark_made:made", "Track clips that are drawn from a seed, with exact masks."
    ),
    "composites": CommandEntry(
        "pipelines.cli.benchmark_composites:composites", "Track pairs and triples of DAVIS-2016 objects in one scene."
    ),
    "gate": CommandEntry("pipelines.cli.benchmark_gate:gate", "Fail if the default tracker scores less than it did."),
    "unpack": CommandEntry(
        "pipelines.cli.benchmark_unpack:unpack", "Lay out the JSON of BURST, OVIS or YouTube-VIS as index PNGs."
    ),
    "masks": CommandEntry(
        "pipelines.cli.benchmark_masks:benchmark_masks", "First masks with soft or resized borders: J&F lost."
    ),
}


@click.group(cls=LazyDefaultGroup, entries=_BENCHMARKS, default=_DEFAULT, no_args_is_help=True)
def benchmark() -> None:
    """Track a whole data set or clips that are made on the spot and score the masks, or let a robot user correct them.

    \b
    vos benchmark davis17 --root DAVIS
    vos benchmark made --seed 0
    vos benchmark davis-interactive DAVIS
    vos benchmark clicks --root DAVIS
    vos benchmark masks --root DAVIS

    `vos benchmark DATASET ...` is short for `vos benchmark run DATASET ...`; see `vos benchmark run --help`.
    """


@click.command("run")
@click.argument("dataset")
@click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of the data set.")
@click.option("--split", metavar="NAME", help="Split of the data set, for DAVIS the name of a list in ImageSets.")
@click.option(
    "--prompt",
    type=click.Choice(_PROMPTS),
    default="mask",
    show_default=True,
    help="What a simulated user draws for the masks that the protocol provides; or DAVIS scribbles.",
)
@click.option(
    "--scribble",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="With --prompt scribble: use Scribbles/SEQUENCE/00N.json.",
)
@click.option("--all-frames", is_flag=True, help="YouTube-VOS: track SPLIT_all_frames instead of every fifth frame.")
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Track and score only every Nth frame, from the first on: how a tracker bears a lower frame rate.",
)
@click.option("--limit-to", metavar="NAME,...", help="Only these sequences.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for predictions and report.  [default: DATASET_SPLIT_PROMPT_vos]",
)
@model_options
@absent_below_option
@fleet_options
@reading_options(rate=False)
@click.option("--resume", is_flag=True, help="Continue the benchmark in the output folder.")
@click.option("--no-score", is_flag=True, help="Only write predictions, for splits without public ground truth.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON lines on stderr, the report on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def run(
    dataset: str,
    root: Path,
    split: str | None,
    prompt: str,
    scribble: int,
    all_frames: bool,
    every: int,
    limit_to: str | None,
    output: Path | None,
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    absent_below: float,
    fleet: FleetOptions,
    reading: dict[str, str],
    resume: bool,
    no_score: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Track every sequence of DATASET, write predictions in its official layout, score them, write report.json.

    DATASET is one of davis16, davis17, youtube-vos, mose, mosev2, lvos-v1, lvos-v2, sav, secvos, vost, and burst or
    ovis as `vos benchmark unpack` lays them out from JSON. The tracker sees only what the
    protocol of the data set provides: the masks of the first frame (or of the frame in which an object appears), or
    what a user would draw for them. After Ctrl-C the benchmark continues with --resume.

    \b
    vos benchmark davis17 --root DAVIS
    vos benchmark davis16 --root DAVIS --prompt stroke --limit-to blackswan,goat
    vos benchmark davis17 --root DAVIS --prompt scribble --scribble 2
    vos benchmark youtube-vos --root YTVOS --split valid --all-frames --no-score
    """
    from eval.datasets import find_dataset
    from pipelines.datasets.benchmark import BenchmarkRequest, run_benchmark
    from pipelines.fleet.jobs import ModelSpec

    chosen_split = split or find_dataset(dataset).default_split
    request = BenchmarkRequest(
        dataset=dataset,
        root=str(root),
        split=chosen_split,
        sequences=tuple(name.strip() for name in limit_to.split(",") if name.strip()) if limit_to else (),
        prompt=prompt,  # type: ignore[arg-type]
        scribble=scribble,
        all_frames=all_frames,
        every=every,
        model=ModelSpec.of_options(model, weights, device, short_side, engine),
        absent_below=absent_below,
        threads=fleet.threads,
        **reading,
    )
    folder = output or Path(f"{dataset}_{chosen_split}_{prompt}_vos")
    with fleet_session(
        fleet, device=device, remedy="continue with the same command and --resume", quiet=quiet, as_json=as_json
    ) as (make_pool, on_event):
        outcome = run_benchmark(
            request,
            folder,
            make_pool,
            resume=resume,
            retries=fleet.retries,
            score=not no_score,
            on_event=on_event,
        )
    return report(outcome, folder, as_json=as_json)


def report(outcome: BenchmarkOutcome, folder: Path, *, as_json: bool) -> int:
    """Prints the outcome; returns 1 if a sequence failed, otherwise 0."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    for name, problem in outcome.problems.items():
        click.echo(f"vos: {name}: {problem}", err=True)
    if outcome.problems:
        click.echo(
            f"vos: {len(outcome.problems)} of {len(outcome.problems) + len(outcome.results)} sequences failed; "
            "fix the cause and run again with --resume",
            err=True,
        )
        return 1
    if outcome.scores is None or outcome.report_file is None:
        click.echo(f"predictions of {len(outcome.results)} sequences in {folder / 'predictions'}")
        return 0
    document = json.loads(outcome.report_file.read_text(encoding="utf-8"))
    if as_json:
        click.echo(json.dumps(document))
        return 0
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    for note in document["protocol"]["notes"]:
        console.print(f"note: {note}", markup=False, style="yellow")
    protocol = document["protocol"]
    table = Table(
        title=f"{protocol['title']}, {protocol['split']}, prompt: {protocol['prompt']}",
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("sequence", no_wrap=True)
    for label in ("obj", "frames", "J&F", "J", "F", "fps", "peak MiB"):
        table.add_column(label, justify="right", no_wrap=True)
    for row in document["sequences"]:
        scores = ["-" if row[key] is None else f"{row[key]:.3f}" for key in ("J&F", "J", "F")]
        peak = "-" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**20:.0f}"
        table.add_row(row["name"], str(row["objects"]), str(row["frames"]), *scores, f"{row['fps']:.2f}", peak)
    console.print(table)
    headline = Table(box=SIMPLE_HEAD)
    for label in [*document["headline"], "fps"]:
        headline.add_column(label, justify="right", no_wrap=True)
    headline.add_row(*(f"{value:.4f}" for value in document["headline"].values()), f"{document['fps']:.2f}")
    console.print(headline)
    hashes = ", ".join(digest[:12] for digest in document["model"]["weights_sha256"])
    console.print(f"weights {hashes} on {', '.join(document['model']['device'])}; see {outcome.report_file}")
    return 0
