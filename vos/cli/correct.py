"""`vos correct`: change what was said about a finished video, and track again only what that affects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vos.cli.prompt_options import PromptCommand, parse_prompt_options, prompt_options
from vos.errors import UsageError

if TYPE_CHECKING:
    from vos.runs.correction import CorrectionReport


@click.command(cls=PromptCommand)
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@prompt_options
@click.option("--video", help="Where the video is now, if it has moved.")
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The weights file, if the run used others than the model's own.",
)
@click.option(
    "--snapshot-every", type=click.IntRange(1), default=100, show_default=True, help="Frames between two kept states."
)
@click.option(
    "--keep-snapshots/--drop-snapshots",
    default=True,
    show_default=True,
    help="Whether states stay for the next correction.",
)
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON lines on stderr, the outcome on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def correct(
    run: Path,
    video: str | None,
    weights: Path | None,
    snapshot_every: int,
    keep_snapshots: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Add prompts to RUN, the folder of a run, and track again the frames that they affect.

    Frames before the first changed one keep their masks; the others become those of a run of all prompts from the
    start. Until they are complete the run stays as it is. If a correction was killed while it was put in place, the
    next call finishes it, also without a prompt. --at, --object and --direction apply to the prompts that
    follow them.

    \b
    vos correct clip_vos --at 40 --point 320,210 --negative-point 100,90
    vos correct clip_vos --at 40 --direction backward --mask frame40.png
    vos correct clip_vos --at 2.5s --object bird --box 500,40,580,120 --at 90 --remove rabbit
    """
    from vos.cli.progress import choose_progress
    from vos.resources.allocator import keep_freed_memory
    from vos.runs.commit import recover_commit
    from vos.runs.correction import correct_run
    from vos.runs.folder import OutputFolder
    from vos.runs.options import Observer, RunOptions
    from vos.runs.recorded import read_recorded_run

    was_pending = recover_commit(OutputFolder(run))
    recorded = read_recorded_run(run)
    corrections = parse_prompt_options(video or recorded.video, recorded.source_options, names=recorded.script.names)
    if not (corrections.prompts or corrections.removals or corrections.names):
        if was_pending:
            if not quiet:
                click.echo(f"{run}: the correction that was complete is in its place now", err=as_json)
            return 0
        raise UsageError("no correction: say what to change with --at and --point, --box, --mask... (see --help)")
    keep_freed_memory()
    with choose_progress(run.name, quiet=quiet, as_json=as_json) as progress:
        report = correct_run(
            run,
            corrections,
            video=video,
            weights=weights,
            options=RunOptions(snapshot_every=snapshot_every, keep_snapshots=keep_snapshots),
            observer=Observer(on_frame=progress.advance),
        )
    _print_report(run, report, as_json=as_json, quiet=quiet)
    return 0


def _print_report(run: Path, report: CorrectionReport, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        summary = {
            "event": "done",
            "frames": report.outcome.frames,
            "recomputed": report.frames_recomputed,
            "first": report.first,
            "last": report.last,
            "tracked": report.frames_tracked,
            "changed": report.frames_changed,
            "locked": report.frames_locked,
            "seconds": round(report.outcome.seconds, 3),
            "output": str(run),
        }
        click.echo(json.dumps(summary))
    elif not quiet:
        where = "" if report.first is None else f" ({report.first} to {report.last})"
        click.echo(
            f"{report.frames_recomputed} of {report.outcome.frames} frames recomputed{where}, "
            f"{report.frames_changed} masks changed, {report.frames_tracked} frames tracked"
            + (f"; locked masks were kept in {report.frames_locked} of them" if report.frames_locked else "")
        )
