"""`vos report`: where can a run be trusted, and where does it need a correction?"""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file.  [default: RUN/report.html]"
)
@click.option("--video", help="Where the video is now, if it has moved.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier report.")
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON lines on stderr, the outcome on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def report(run: Path, output: Path | None, video: str | None, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Write a review of RUN, the output folder of a run, as one HTML file that works offline.

    Film strip, presence of every object over time, curves of area and motion, likely identity swaps, and the ten frames
    most worth correcting, each with its picture and the command to do it.

    \b
    vos report clip_vos
    """
    from vos.cli.progress import choose_progress
    from vos.report import write_report

    with choose_progress(run.name, quiet=quiet, as_json=as_json) as progress:
        done = write_report(run, output=output, video=video, overwrite=overwrite, on_frame=progress.advance)
    for note in done.notes:
        click.echo(f"vos: {note}", err=True)
    if as_json:
        summary = {
            "event": "done",
            "path": str(done.path),
            "frames": done.frames,
            "worth_correcting": done.suspects,
            "likely_swaps": done.findings,
        }
        click.echo(json.dumps(summary))
    elif not quiet:
        click.echo(f"see {done.path} ({done.suspects} frames worth correcting, {done.findings} likely identity swaps)")
