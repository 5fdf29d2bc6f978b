"""`vos track`: masks for every frame of one video."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from vos.cli.options import absent_below_option, clean_options, model_options, reading_options, threads_option
from vos.cli.prompt_options import PromptCommand, parse_prompt_options, prompt_notes, prompt_options
from vos.errors import UsageError

if TYPE_CHECKING:
    from vos.runs.run import RunOutcome
    from vos.tracking.absence import OnAbsent
    from vos.tracking.cleaning import CleanPolicy
    from vos.tracking.load_model import EngineName


@click.command(cls=PromptCommand)
@click.argument("video")
@prompt_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for masks and run.json.  [default: NAME_vos in the current folder, NAME being the video's]",
)
@click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote to the output folder.")
@click.option("--resume", is_flag=True, help="Continue a run that was killed or failed; the result has the same bytes.")
@click.option(
    "--snapshot-every",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Frames between two tracker states kept for --resume and vos correct.",
)
@click.option(
    "--keep-snapshots/--drop-snapshots",
    default=True,
    show_default=True,
    help="Keep tracker states when the run is done (at most 18), so that vos correct is quick.",
)
@click.option("--overlay/--no-overlay", default=False, show_default=True, help="Also write overlay.mp4.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="FORMAT[,FORMAT...]",
    help="Also write the masks in this format (vos convert --list). May be repeated.",
)
@click.option("--contact-sheet/--no-contact-sheet", default=False, show_default=True, help="Also write a sheet PNG.")
@model_options
@threads_option
@absent_below_option
@click.option(
    "--on-absent",
    type=click.Choice(["empty", "hold", "stop"]),
    default="empty",
    show_default=True,
    help="An absent object gets no pixels; the model's pixels anyway; or none, and the run ends with the last object.",
)
@click.option(
    "--stop-after",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="With --on-absent stop: end after this many frames without any object.",
)
@clean_options("light")
@click.option(
    "--objects-together",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Objects share a view of the frame where they are near and in two views at most; one view for all, which is "
    "fastest; or each its own, which is sharpest.",
)
@click.option(
    "--max-memory",
    metavar="SIZE",
    help="Stay below this, such as 800M or 1.5G: shorter queues, then fewer remembered frames; or refuse.",
)
@reading_options(raw=True)
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON lines on stderr, the outcome on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def track(
    video: str,
    output: Path | None,
    overwrite: bool,
    resume: bool,
    snapshot_every: int,
    keep_snapshots: bool,
    overlay: bool,
    formats: tuple[str, ...],
    contact_sheet: bool,
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    threads: int | None,
    absent_below: float,
    on_absent: OnAbsent,
    stop_after: int,
    clean: CleanPolicy,
    objects_together: Literal["auto", "always", "never"],
    max_memory: str | None,
    reading: dict[str, str],
    as_json: bool,
    quiet: bool,
) -> int:
    """Masks for every frame of VIDEO, from prompts on its first frame or on any other.

    VIDEO is a video file, a folder of images, camera:0, or - for raw rgb24 frames on standard input. At least one
    prompt is needed; an object is tracked from its first prompt on. --at, --object and --direction apply to the prompts
    that follow them. Objects are numbered: colours of a painted stroke by their place in the DAVIS palette, other
    prompts by the ID before the colon, or by --object (1 without either).

    \b
    vos track clip.mp4 --first-frame-stroke stroke.png --overlay
    vos track clip.mp4 --box 120,80,360,400 -o masks
    vos track frames/ --mask 00000.png
    vos track clip.mp4 --box 120,80,360,400 -o masks --resume
    vos track clip.mp4 --object rabbit --box 120,80,360,400 --at 2.5s --object bird --point 500,200
    vos track clip.mp4 --at 40 --direction both --mask frame40.png --at 90 --remove 2
    vos track clip.mp4 --script clip.json
    ffmpeg ... -f rawvideo -pix_fmt rgb24 - | vos track - --size 640x360 --fps 25 --box 120,80,360,340 -o masks
    """
    if overwrite and resume:
        raise UsageError("--overwrite and --resume exclude each other: start over, or go on with what is there")
    script = parse_prompt_options(video, reading)
    if not script.prompts:
        raise UsageError(
            "no prompt: say what to track with --first-frame-stroke, --mask, --box, --point, --polygon or --script "
            "(see vos track --help)"
        )

    from vos.cli.progress import choose_progress
    from vos.export.formats import find_formats
    from vos.resources.allocator import keep_freed_memory
    from vos.resources.ram_budget import parse_size
    from vos.runs.run import Observer, RunOptions, TrackJob, run_job
    from vos.tracking.absence import AbsencePolicy
    from vos.tracking.load_model import load_model
    from vos.tracking.windows import SHARING

    job = TrackJob(
        video=video,
        script=script,
        output=output or default_output(video),
        overlay=overlay,
        contact_sheet=() if contact_sheet else None,
        formats=find_formats(formats) if formats else (),
        source_options=reading,
        notes=prompt_notes(),
    )
    options = RunOptions(
        windows=SHARING[objects_together],
        absence=AbsencePolicy(absent_below, on_absent, stop_after),
        clean=clean,
        snapshot_every=snapshot_every,
        keep_snapshots=keep_snapshots,
        max_memory=None if max_memory is None else parse_size(max_memory),
        resume=resume,
        overwrite=overwrite,
    )
    # Before the model is loaded, which takes a while.
    job.folder.check(overwrite=overwrite, resume=resume)
    keep_freed_memory()
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine, threads=threads)
    with choose_progress(Path(video).name, quiet=quiet, as_json=as_json) as progress:
        outcome = run_job(job, loaded, options, Observer(on_frame=progress.advance))
    return report(video, outcome, as_json=as_json, quiet=quiet)


def default_output(video: str) -> Path:
    """`<name>_vos` in the working directory."""
    name = Path(video).name if video in (".", "..") or not Path(video).suffix else Path(video).stem
    if not name.strip(".") or video == "-" or video.startswith("camera:"):
        raise UsageError(f"{video}: cannot make an output folder's name from this; give one with --output")
    return Path(f"{name}_vos")


def report(video: str, outcome: RunOutcome, *, as_json: bool, quiet: bool) -> int:
    """Tells what was written and returns the exit status: 1 for a video that broke off, or if nothing was found."""
    truncation = None if outcome.truncation is None else str(outcome.truncation)
    for note in outcome.notes:
        click.echo(f"vos: {note}", err=True)
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
            "notes": list(outcome.notes),
        }
        click.echo(json.dumps(summary))
    elif not quiet:
        if outcome.resumed_at is not None and not outcome.was_finished:
            click.echo(f"resumed at frame {outcome.resumed_at}")
        speed = "finished before, nothing to do" if outcome.was_finished else f"{rate:.1f} frames per second"
        click.echo(f"{outcome.frames} masks in {outcome.output.masks} ({speed})")
        if outcome.is_stopped:
            click.echo(f"stopped after frame {outcome.frames - 1}: no object has been in view for a while")
        for path in outcome.output.exports():
            click.echo(f"see {path}")
    if truncation is not None:
        click.echo(f"vos: {video}: the video is {truncation}; the masks before that are written", err=True)
    if outcome.found_nothing:
        click.echo("vos: no object was found in any frame: all masks are empty", err=True)
    sys.stderr.flush()
    return 1 if truncation is not None or outcome.found_nothing else 0
