"""`vos benchmark unpack`: BURST, OVIS and YouTube-VIS as folders of pictures and index PNGs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("unpack", short_help="Lay out the JSON of BURST, OVIS or YouTube-VIS as pictures and index PNGs.")
@click.argument("annotations", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--pictures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder that the paths of pictures in ANNOTATIONS start from.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="New folder for the layout.")
def unpack(annotations: Path, pictures: Path, output: Path) -> None:
    """Write the masks of ANNOTATIONS as index PNGs, beside links to the pictures, for `vos benchmark burst|ovis`.

    \b
    vos benchmark unpack val/all_classes.json --pictures BURST/frames/val -o burst_val
    vos benchmark burst --root burst_val
    """
    from pipelines.datasets.unpack import unpack_videos

    videos, doubled = unpack_videos(annotations, pictures, output)
    click.echo(f"{videos} videos in {output}")
    if doubled:
        click.echo(f"note: {doubled} pixels that several objects claim belong to the one listed last", err=True)
