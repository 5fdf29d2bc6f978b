"""`vos track`: masks for every frame of one video."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vos.cli.options import model_options
from vos.errors import UsageError

if TYPE_CHECKING:
    from vos.absence import OnAbsent
    from vos.prompts import Prompt
    from vos.tracking_run import RunOutcome

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("video")
@click.option(
    "--first-frame-stroke",
    "strokes",
    type=_FILE,
    multiple=True,
    metavar="PNG|JSON",
    help="Strokes painted over the first frame, one colour per object; or polylines or DAVIS scribbles as JSON.",
)
@click.option(
    "--mask", "masks", type=_FILE, multiple=True, metavar="PNG", help="Index PNG or 0/255 PNG of the first frame."
)
@click.option("--box", "boxes", multiple=True, metavar="[ID:]X0,Y0,X1,Y1", help="Box on the first frame, in pixels.")
@click.option("--point", "points", multiple=True, metavar="[ID:]X,Y", help="Point on the object, in pixels.")
@click.option("--negative-point", "negative_points", multiple=True, metavar="[ID:]X,Y", help="Point beside the object.")
@click.option("--polygon", "polygons", multiple=True, metavar="'[ID:]X,Y X,Y ...'", help="Outline of the object.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for masks and run.json.  [default: NAME_vos beside you, NAME being the video's]",
)
@click.option("--overwrite", is_flag=True, help="Replace what a former run wrote to the output folder.")
@click.option("--resume", is_flag=True, help="Go on with a run that was killed or failed; to the same bytes.")
@click.option(
    "--snapshot-every",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Frames between two states kept for --resume.",
)
@click.option("--overlay/--no-overlay", default=False, show_default=True, help="Also write overlay.mp4.")
@click.option("--contact-sheet/--no-contact-sheet", default=False, show_default=True, help="Also write a sheet PNG.")
@model_options
@click.option(
    "--absent-below",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="An object whose presence is below this gets no pixels.",
)
@click.option(
    "--on-absent",
    type=click.Choice(["empty", "hold", "stop"]),
    default="empty",
    show_default=True,
    help="An absent object: no pixels; the model's pixels all the same; or no pixels, and end when none is left.",
)
@click.option(
    "--stop-after",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="With --on-absent stop: end after this many frames without any object.",
)
@click.option(
    "--max-memory",
    metavar="SIZE",
    help="Stay below this, such as 800M or 1.5G: shorter queues, then fewer remembered frames; or refuse.",
)
@click.option("--fps", "rate", metavar="RATE", help="Frames per second of an image folder, such as 25 or 30000/1001.")
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON lines on stderr, the outcome on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def track(
    video: str,
    strokes: tuple[Path, ...],
    masks: tuple[Path, ...],
    boxes: tuple[str, ...],
    points: tuple[str, ...],
    negative_points: tuple[str, ...],
    polygons: tuple[str, ...],
    output: Path | None,
    overwrite: bool,
    resume: bool,
    snapshot_every: int,
    overlay: bool,
    contact_sheet: bool,
    model: str,
    weights: Path | None,
    device: str,
    short_side: int,
    absent_below: float,
    on_absent: OnAbsent,
    stop_after: int,
    max_memory: str | None,
    rate: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Masks for every frame of VIDEO, from prompts on its first frame.

    VIDEO is a video file or a folder of images. At least one prompt is needed. Objects are numbered: colours of a
    painted stroke by their place in the DAVIS palette, boxes, points and polygons by the ID before the colon (1 if
    there is none).

    \b
    vos track clip.mp4 --first-frame-stroke stroke.png --overlay
    vos track clip.mp4 --box 120,80,360,400 -o masks
    vos track frames/ --mask 00000.png
    vos track clip.mp4 --box 120,80,360,400 -o masks --resume
    """
    if overwrite and resume:
        raise UsageError("--overwrite and --resume exclude each other: start over, or go on with what is there")
    prompts = read_prompts(strokes, masks, boxes, points, negative_points, polygons)
    folder = output or default_output(video)

    from vos.allocator import keep_freed_memory
    from vos.cli.progress import choose_progress
    from vos.memory_budget import parse_size
    from vos.output_folder import OutputFolder
    from vos.tracking_run import TrackJob, run_job
    from vos.video_model import load_model

    limit = None if max_memory is None else parse_size(max_memory)
    OutputFolder(folder).check(overwrite=overwrite, resume=resume)
    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side)
    job = TrackJob(
        video=video,
        prompts=tuple(prompts),
        output=folder,
        overlay=overlay,
        contact_sheet=() if contact_sheet else None,
        overwrite=overwrite,
        source_options={} if rate is None else {"rate": rate},
    )
    with choose_progress(Path(video).name, quiet=quiet, as_json=as_json) as progress:
        outcome = run_job(
            job,
            loaded,
            absent_below=absent_below,
            on_absent=on_absent,
            stop_after=stop_after,
            resume=resume,
            snapshot_every=snapshot_every,
            max_memory=limit,
            on_frame=progress.advance,
        )
    return report(outcome, as_json=as_json, quiet=quiet)


def read_prompts(
    strokes: Sequence[Path],
    masks: Sequence[Path],
    boxes: Sequence[str],
    points: Sequence[str],
    negative_points: Sequence[str],
    polygons: Sequence[str],
) -> list[Prompt]:
    """Prompts on the first frame from the values of the command's options.

    Raises:
        UsageError: There is none.
        PromptError: One cannot be read.
    """
    from vos.prompts import (
        box_from_argument,
        points_from_arguments,
        polygon_from_argument,
        read_masks,
        read_strokes,
    )

    prompts: list[Prompt] = []
    for path in strokes:
        prompts += read_strokes(path)
    for path in masks:
        prompts += read_masks(path)
    prompts += [box_from_argument(text) for text in boxes]
    prompts += points_from_arguments(points, negative_points)
    prompts += [polygon_from_argument(text) for text in polygons]
    if not prompts:
        raise UsageError(
            "no prompt: say what to track with --first-frame-stroke, --mask, --box, --point or --polygon "
            "(see vos track --help)"
        )
    return prompts


def default_output(video: str) -> Path:
    """`<name>_vos` in the working directory."""
    name = Path(video).name if video in (".", "..") or not Path(video).suffix else Path(video).stem
    if not name.strip(".") or video == "-" or video.startswith("camera:"):
        raise UsageError(f"{video}: cannot make an output folder's name from this; give one with --output")
    return Path(f"{name}_vos")


def report(outcome: RunOutcome, *, as_json: bool, quiet: bool) -> int:
    """Tells what was written and returns the exit status: 1 for a video that broke off."""
    truncation = None if outcome.truncation is None else str(outcome.truncation)
    rate = (outcome.frames - (outcome.resumed_at or 0)) / max(outcome.seconds, 1e-9)
    if as_json:
        summary = {
            "event": "done",
            "frames": outcome.frames,
            "objects": list(outcome.object_ids),
            "seconds": round(outcome.seconds, 3),
            "fps": round(rate, 2),
            "output": str(outcome.output.root),
            "truncated": truncation,
            "stopped": outcome.is_stopped,
            "resumed_at": outcome.resumed_at,
        }
        click.echo(json.dumps(summary))
    elif not quiet:
        if outcome.resumed_at is not None and not outcome.was_finished:
            click.echo(f"resumed at frame {outcome.resumed_at}")
        speed = "finished before, nothing to do" if outcome.was_finished else f"{rate:.1f} frames per second"
        click.echo(f"{outcome.frames} masks in {outcome.output.masks} ({speed})")
        if outcome.is_stopped:
            click.echo(f"stopped after frame {outcome.frames - 1}: no object has been in view for a while")
        for path in (outcome.output.overlay, outcome.output.contact_sheet):
            if path.exists():
                click.echo(f"see {path}")
    if truncation is not None:
        click.echo(f"vos: the video is {truncation}; the masks before that are written", err=True)
        sys.stderr.flush()
        return 1
    return 0
