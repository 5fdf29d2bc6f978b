"""`vos benchmark masks`: what a first mask costs that was blurred, resized or saved by the wrong tool."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.davis_options import davis_options
from vos.cli.options import model_options, threads_option

if TYPE_CHECKING:
    from pipelines.interactive.first_masks import MaskCase
    from vos.tracking.load_model import EngineName


@click.command("masks", short_help="First masks with soft, resized or lossy borders: objects found, J&F lost.")
@click.option("--root", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@davis_options
@click.option("--frames", type=click.IntRange(2), metavar="N", help="At most N frames of a sequence.  [default: all]")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File that keeps finished sequences."
)
@click.option("--resume", is_flag=True, help="Continue the sequences in the output file.")
@model_options
@threads_option
@click.option("--json", "as_json", is_flag=True, help="All cases as one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def benchmark_masks(
    root: Path,
    dataset: str,
    split: str,
    sequences: str | None,
    frames: int | None,
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
) -> int:
    """Track sequences of DAVIS from their first mask, and from eight pictures that people make of such a mask.

    It is enlarged twice and four times, blurred, anti-aliased, a trimap, a matte of 16 bits, a red layer with a soft
    brush, and a JPEG. None of these may become more than one object or cost more than two points of J&F; the exit
    status is 1 if one does.

    \b
    vos benchmark masks --root DAVIS
    vos benchmark masks --root DAVIS --frames 20 --quality fast
    """
    from pipelines.interactive.first_masks import MaskRequest, measure_first_masks
    from vos.errors import UsageError
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import load_model

    if resume and output is None:
        raise UsageError("--resume: give the file to continue with --output")
    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine, threads=threads)
    names = tuple(name.strip() for name in (sequences or "").split(",") if name.strip())
    request = MaskRequest(str(root), dataset, split, names, frames)

    def tell(name: str, done: int, total: int) -> None:
        if not (quiet or as_json):
            click.echo(f"vos: {done + 1}/{total} {name}", err=True)

    cases = measure_first_masks(loaded, request, output=output, resume=resume, on_progress=tell)
    if as_json:
        click.echo(json.dumps({"cases": [asdict(case) | {"is_good": case.is_good} for case in cases]}))
    else:
        _print(cases)
    return 0 if all(case.is_good for case in cases) else 1


def _print(cases: tuple[MaskCase, ...]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    by_distortion: dict[str, list[MaskCase]] = {}
    for case in cases:
        by_distortion.setdefault(case.distortion, []).append(case)
    table = Table(title="J&F lost by the first mask, in points", box=SIMPLE_HEAD, title_justify="left")
    table.add_column("first mask", no_wrap=True)
    for label in ("one object", "overlap", "mean lost", "most lost", "in"):
        table.add_column(label, justify="right", no_wrap=True)
    for distortion, own in by_distortion.items():
        worst = max(own, key=lambda case: case.lost)
        table.add_row(
            distortion,
            f"{sum(case.objects == 1 for case in own)}/{len(own)}",
            f"{sum(case.overlap for case in own) / len(own):.3f}",
            f"{100 * sum(case.lost for case in own) / len(own):+.2f}",
            f"{100 * worst.lost:+.2f}",
            worst.sequence,
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(table)
    for case in cases:
        if not case.is_good:
            reason = case.refused or f"{case.objects} objects, {100 * case.lost:+.2f} points lost"
            console.print(f"{case.sequence}, {case.distortion}: {reason}", markup=False)
