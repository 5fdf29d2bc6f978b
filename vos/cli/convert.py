"""`vos convert`: finished masks in the formats of other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vos.cli.options import clean_options
from vos.errors import UsageError

if TYPE_CHECKING:
    from vos.tracking.cleaning import CleanPolicy


def _format_help() -> str:
    from vos.export.formats import FORMATS

    width = max(map(len, FORMATS))
    return "\n".join(f"{name:{width}}  {row.place:24}  {row.summary}" for name, row in FORMATS.items())


def _print_formats(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(_format_help())
        ctx.exit()


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", "formats", multiple=True, required=True, metavar="FORMAT[,FORMAT...]", help="May be repeated.")
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_formats,
    help="List the formats and exit.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the results.  [default: the run's own]",
)
@click.option("--video", help="Where the video is now; or the video of a plain folder of masks.")
@click.option(
    "--object",
    "objects",
    multiple=True,
    metavar="ID|NAME",
    help="Write only this object. May be repeated.  [default: all]",
)
@click.option(
    "--frames",
    metavar="FIRST:LAST",
    help="Write only these frames; they keep their numbers and times, and videos are silent.  [default: all]",
)
@clean_options("off")
@click.option("--overwrite", is_flag=True, help="Replace earlier results.")
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON lines on stderr, the outcome on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def convert(
    run: Path,
    formats: tuple[str, ...],
    output: Path | None,
    video: str | None,
    objects: tuple[str, ...],
    frames: str | None,
    clean: CleanPolicy,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the masks of a finished RUN in other formats. `vos convert --list` shows them.

    RUN is the output folder of a run; or, with --video, any folder of index PNG, one per frame. The video is decoded
    only for formats that hold pictures.

    \b
    vos convert clip_vos --to coco,cvat
    vos convert clip_vos --to prores --object rabbit -o edit
    vos convert masks/ --video clip.mp4 --to ytvis -o out
    """
    from vos.cli.progress import choose_progress
    from vos.runs.convert import convert_run

    with choose_progress(run.name, quiet=quiet, as_json=as_json) as progress:
        done = convert_run(
            run,
            formats,
            output=output,
            video=video,
            objects=objects,
            clean=clean,
            frames=None if frames is None else _range(frames),
            overwrite=overwrite,
            on_frame=progress.advance,
        )
    for note in done.notes:
        click.echo(f"vos: {note}", err=True)
    if as_json:
        summary = {"event": "done", "frames": done.frames, "paths": [str(p) for p in done.paths], "notes": done.notes}
        click.echo(json.dumps(summary))
    elif not quiet:
        for path in done.paths:
            click.echo(f"see {path}")


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    if not (first.isdecimal() and last.isdecimal()):
        raise UsageError(f"--frames {text}: expected the first and the last frame, such as 40:90")
    return int(first), int(last)
