"""`vos benchmark made`: drawn clips with exact masks, a factor each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.clip_report import run_and_report
from vos.cli.options import model_options

if TYPE_CHECKING:
    from vos.tracking.load_model import EngineName


@click.command(short_help="Track clips that are drawn from a seed, with exact masks.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which clips.")
@click.option("--clips", type=click.IntRange(1), default=24, show_default=True, help="How many; factors take turns.")
@click.option("--difficulty", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="How far factors go.")
@click.option("--frames", type=click.IntRange(12, 1000), default=40, show_default=True, help="Frames of a clip.")
@click.option("--size", default="640x360", show_default=True, metavar="WIDTHxHEIGHT", help="Size of the frames.")
@click.option("--factor", "factors", multiple=True, metavar="NAME", help="Only this factor; may be repeated.")
@click.option(
    "--stills",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Cut figures and grounds from these pictures: SOURCE/images/* and SOURCE/masks/*.png.  [default: drawn]",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    help="Write the clips to this folder in the layout of DAVIS-2017, and track nothing.",
)
@click.option("--jobs", type=click.IntRange(1), help="Processes, one clip each at a time.  [default: processors]")
@model_options
@click.option("--absent-below", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write all numbers to this JSON file.")
@click.option("--json", "as_json", is_flag=True, help="The report on stdout.")
def made(
    seed: int,
    clips: int,
    difficulty: float,
    frames: int,
    size: str,
    factors: tuple[str, ...],
    stills: Path | None,
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
    """Draw clips from a seed, track them from the masks of their first frame, score them against exact masks.

    Each clip is about one factor: pose, scale, occlusion, return (leaving and coming back elsewhere at another size),
    decoy (the same beside a look-alike), crossing (of look-alikes), cut, thin (parts), blur, dark, shake, crowd. The
    same seed gives the same pixels on every machine.

    \b
    vos benchmark made --seed 0
    vos benchmark made --clips 96 --factor crossing --factor return --difficulty 0.8
    vos benchmark made --save made_clips
    """
    from pipelines.made.clips import MadeSet
    from pipelines.made.factors import FACTORS
    from pipelines.made.run import MadeTracker
    from vos.errors import UsageError

    if unknown := [name for name in factors if name not in FACTORS]:
        raise UsageError(f"--factor {unknown[0]}: no such factor; choose from {', '.join(FACTORS)}")
    width, height = _size(size)
    chosen = tuple(name for name in FACTORS if not factors or name in factors)
    made_set = MadeSet(seed, clips, difficulty, frames, height, width, chosen, None if stills is None else str(stills))
    if save is not None:
        from pipelines.made.save import SPLIT, save_clips

        save_clips(made_set, save)
        click.echo(
            f"{clips} clips in {save}; score other trackers with: --dataset davis17 --root {save} --split {SPLIT}"
        )
        return
    tracker = MadeTracker(
        model, None if weights is None else str(weights.resolve()), device, engine, short_side, absent_below
    )
    title = f"made: seed {seed}, {clips} clips, difficulty {difficulty:g}, {size}"
    run_and_report(made_set, tracker, title, jobs=jobs, report=report, as_json=as_json)


def _size(text: str) -> tuple[int, int]:
    from vos.errors import UsageError

    width, separator, height = text.partition("x")
    if not separator or not width.isdecimal() or not height.isdecimal():
        raise UsageError(f"--size {text}: must be WIDTHxHEIGHT, such as 640x360")
    if not (96 <= int(height) <= 1080 and int(height) <= int(width) <= 3 * int(height)):
        raise UsageError(f"--size {text}: height must be 96 to 1080, and width one to three times as much")
    return int(width), int(height)
