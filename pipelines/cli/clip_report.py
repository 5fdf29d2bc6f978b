"""Runs a set of clips with exact masks and shows the scores: a row a factor."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.made.clip_set import ClipSet
    from pipelines.made.run import MadeTracker
    from pipelines.made.scores import ClipScores
    from pipelines.made.summary import Summary


def run_and_report(
    clips: ClipSet, tracker: MadeTracker, title: str, *, jobs: int | None, report: Path | None, as_json: bool
) -> None:
    """Tracks and scores all clips; prints the table, or the document as JSON.

    Args:
        clips: What to track.
        tracker: What tracks.
        title: Heading of the table, and of the report.
        jobs: Processes; None for as many as processors.
        report: File for all numbers.
        as_json: JSON on stdout instead of the table.

    Raises:
        As `run_made`; OutputError if the report cannot be written.
    """
    from pipelines.made.run import run_made
    from vos.resources.threads import available_cpus
    from vos.runs.folder import write_json

    scores = run_made(clips, tracker, jobs=jobs or available_cpus(), on_clip=_say)
    weights = tracker.load().weights_sha256
    document = _document(clips, tracker, scores, title, weights)
    if report is not None:
        write_json(report, document)
    if as_json:
        click.echo(json.dumps(document))
        return
    _print(title, scores, weights)


def _say(scores: ClipScores) -> None:
    click.echo(f"{scores.name}: J&F {scores.j_and_f:.3f}, {scores.frames / scores.seconds:.1f} frames/s", err=True)


def _document(
    clips: ClipSet, tracker: MadeTracker, scores: Sequence[ClipScores], title: str, weights: str
) -> dict[str, object]:
    from pipelines.made.summary import by_factor
    from vos.version import __version__

    drawn_from: dict[str, object] = asdict(clips) if is_dataclass(clips) and not isinstance(clips, type) else {}
    return {
        "protocol": {"title": title, **drawn_from, "prompt": "mask of the first frame", "scored": "all others"},
        "model": {**asdict(tracker), "weights_sha256": weights},
        "factors": [asdict(row) for row in by_factor(scores)],
        "clips": [asdict(row) for row in scores],
        "versions": {"seem-vos": __version__},
    }


def _print(title: str, scores: Sequence[ClipScores], weights: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from pipelines.made.summary import by_factor

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    table.add_column("factor", no_wrap=True)
    columns = ("clips", "obj", "J&F", "+-", "J", "F", "identity kept", "found in 5", "painted absent", "ms", "peak MiB")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in by_factor(scores):
        table.add_row(row.factor, *_cells(row))
    console.print(table)
    console.print(f"weights {weights[:12]}; +- is the standard error over clips")


def _cells(row: Summary) -> list[str]:
    return [
        str(row.clips),
        str(row.objects),
        f"{row.j_and_f:.3f}",
        "-" if row.spread is None else f"{row.spread:.3f}",
        f"{row.j:.3f}",
        f"{row.f:.3f}",
        f"{row.kept}/{row.crossings}" if row.crossings else "-",
        f"{row.found_soon}/{row.returns}" if row.returns else "-",
        "-" if row.painted is None else f"{row.painted:.2%}",
        f"{row.milliseconds:.0f}",
        "-" if row.peak_bytes is None else f"{row.peak_bytes / 2**20:.0f}",
    ]
