"""`vos verify`: is finished work what it claims to be?"""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("clip")
@click.argument("output", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def verify(clip: str, output: Path, as_json: bool) -> int:
    """Check the OUTPUT folder of a run against its CLIP.

    Decodes the clip again and compares: as many masks as frames, of the same size, at the same times; masks equal to
    their checksums in the journal; run.json in agreement with both. Names the first frame that differs and exits
    with status 1.
    """
    from vos.runs.verify import verify_run

    found = verify_run(clip, output)
    if as_json:
        difference = found.difference
        summary = {
            "ok": difference is None,
            "status": found.status,
            "frames": found.frames,
            "frame": None if difference is None else difference.frame,
            "problem": None if difference is None else difference.problem,
        }
        click.echo(json.dumps(summary))
    elif found.difference is None:
        kind = "" if found.status == "done" else f" ({found.status})"
        click.echo(f"{output}: {found.frames} masks, all as they should be{kind}")
    else:
        click.echo(f"vos: {output}: {found.difference}", err=True)
    return 0 if found.difference is None else 1
