"""`vos benchmark davis-interactive`: the interactive loop over whole sequences."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from pipelines.cli.davis_options import davis_options
from vos.cli.options import model_options, threads_option

if TYPE_CHECKING:
    from vos.tracking.load_model import EngineName


@click.command(
    "davis-interactive", short_help="A robot scribbles in the worst frame, up to 8 rounds: J&F-AUC, J&F@60s."
)
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DAVIS_ROOT")
@davis_options
@click.option(
    "--robot",
    type=click.Choice(["scribbles", "clicks"]),
    default="scribbles",
    show_default=True,
    help="What it draws: scribbles along the middle of errors, or one click per object in the largest error.",
)
@click.option(
    "--first",
    type=click.Choice(["robot", "human"]),
    default="robot",
    show_default=True,
    help="Who draws in the first round: the robot on the first frame, or people (DAVIS_ROOT/Scribbles).",
)
@click.option(
    "--scribbles",
    type=click.IntRange(1, 3),
    default=3,
    show_default=True,
    help="With --first human: files per sequence.",
)
@click.option("--rounds", type=click.IntRange(1, 8), default=8, show_default=True)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N sequences, drawn by --seed.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for session.csv and finished rows."
)
@click.option("--resume", is_flag=True, help="Continue the sessions in the output folder.")
@model_options
@threads_option
@click.option("--json", "as_json", is_flag=True, help="The numbers as one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def benchmark_interactive(
    root: Path,
    dataset: str,
    split: str,
    sequences: str | None,
    robot: Literal["scribbles", "clicks"],
    first: str,
    scribbles: int,
    rounds: int,
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
    """The loop of the DAVIS interactive challenge over the engine of `vos correct`.

    After every round the robot scribbles in the frame with the lowest J&F that has no scribble yet, and what follows
    is tracked again. The curve of J&F over time gives J&F-AUC and J&F after 60 seconds, as the challenge defines them.

    \b
    vos benchmark davis-interactive DAVIS -o session
    vos benchmark davis-interactive DAVIS --limit 3 --rounds 3
    vos benchmark davis-interactive DAVIS --dataset davis17 --first human
    """
    from pipelines.interactive.run_sessions import SessionRequest, run_sessions
    from vos.errors import UsageError
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import load_model

    if resume and output is None:
        raise UsageError("--resume: give the folder to continue with --output")
    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine, threads=threads)
    request = SessionRequest(
        root=str(root),
        dataset=dataset,
        split=split,
        sequences=tuple(name.strip() for name in (sequences or "").split(",") if name.strip()),
        robot=robot,
        rounds=rounds,
        scribbles=scribbles if first == "human" else 0,
        limit=limit,
        seed=seed,
    )

    def tell(name: str, done: int, total: int) -> None:
        if not quiet and not as_json:
            click.echo(f"vos: {done + 1}/{total} {name}", err=True)

    report = run_sessions(loaded, request, output=output, resume=resume, on_progress=tell)
    if as_json:
        click.echo(json.dumps(asdict(report) | {"table": None if report.table is None else str(report.table)}))
        return
    click.echo(f"{report.sessions} sessions, robot: {robot}, first round by: {first}")
    for number, (value, seconds) in enumerate(zip(report.rounds, report.seconds, strict=True), 1):
        click.echo(f"round {number}: J&F {value:.4f}, {seconds:.2f} s")
    scores = report.scores
    click.echo(f"J&F-AUC {scores.auc:.4f}, J&F@{scores.threshold:.0f}s {scores.at_threshold:.4f}")
