"""`vos replay`: does a recorded run give the same masks again?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vos.runs.replay import Replay


@click.command()
@click.argument("record", type=click.Path(exists=True, path_type=Path), metavar="RUN.JSON")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Keep the masks of the replay in this folder.  [default: a temporary one]",
)
@click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote to the output folder.")
@click.option("--video", help="Where the video is now.  [default: as recorded]")
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The weights file, if the run did not use the model's own.",
)
@click.option("--device", help="Where to compute.  [default: as recorded]")
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON lines on stderr, the outcome on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def replay(
    record: Path,
    output: Path | None,
    overwrite: bool,
    video: str | None,
    weights: Path | None,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Repeat a run from its RUN.JSON (or its folder) and compare every mask.

    Model, prompts, options and number of threads are taken from the record. A video or weights whose bytes differ from
    the recorded ones are refused. Exit status 1 if a mask differs: the first such frame is named, along with what
    has changed since (versions, device, CPU).
    """
    from tempfile import TemporaryDirectory

    from vos.cli.progress import choose_progress
    from vos.resources.allocator import keep_freed_memory
    from vos.runs.replay import replay_run

    keep_freed_memory()
    with (
        TemporaryDirectory(prefix="vos-replay-") as temporary,
        choose_progress("replay", quiet=quiet, as_json=as_json) as progress,
    ):
        found = replay_run(
            record,
            output or Path(temporary) / "replay",
            video=video,
            weights=weights,
            device=device,
            overwrite=overwrite,
            on_frame=progress.advance,
        )
    return report(record, found, as_json=as_json)


def report(record: Path, found: Replay, *, as_json: bool) -> int:
    """Tells whether the masks are the same and what may explain that they are not."""
    difference = found.difference
    changes = "; ".join(found.changes)
    if as_json:
        summary = {
            "ok": difference is None,
            "frames": found.frames,
            "frame": None if difference is None else difference.frame,
            "problem": None if difference is None else difference.problem,
            "changes": list(found.changes),
        }
        click.echo(json.dumps(summary))
    elif difference is None:
        click.echo(
            f"{record}: {found.frames} masks repeated, all identical" + (f" (although {changes})" * bool(changes))
        )
    else:
        reasons = f"not as recorded: {changes}" if changes else _NO_REASON
        click.echo(f"vos: {record}: {difference}; {reasons}", err=True)
    return 0 if difference is None else 1


_NO_REASON = "versions, device and threads are as recorded: the record was edited, or this is another kind of machine"
