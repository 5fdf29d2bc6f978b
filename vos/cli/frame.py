"""`vos frame`: the exact picture of a frame, to paint on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vos.cli.options import reading_options
from vos.errors import OutputError, UsageError

if TYPE_CHECKING:
    import numpy as np


@click.command()
@click.argument("clip")
@click.argument("frame")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The PNG file.  [default: NAME_NUMBER.png in the current folder, NAME being the clip's]",
)
@click.option(
    "--candidates",
    metavar="X,Y",
    help="Also write what a click there may mean: up to three masks, NAME_NUMBER_candidate1.png the largest.",
)
@click.option("--overwrite", is_flag=True, help="Replace the files if they exist.")
@reading_options(rate=False)
@click.option("-q", "--quiet", is_flag=True, help="Do not say what was written.")
def frame(
    clip: str,
    frame: str,
    output: Path | None,
    candidates: str | None,
    overwrite: bool,
    reading: dict[str, str],
    quiet: bool,
) -> None:
    """Write one FRAME of CLIP as a PNG of exactly the pixels that are tracked.

    FRAME is a number, counted from 0, or a time like 2.5s or 00:01:02.5: the frame that a player shows then. Paint on
    the picture, and give it to vos track as a prompt of that frame (--at FRAME).

    \b
    vos frame clip.mp4 40
    vos frame clip.mp4 2.5s -o paint_me.png
    vos frame clip.mp4 40 --candidates 320,210     # then: vos track ... --at 40 --candidate 2 --point 320,210
    """
    from PIL import Image

    from vos.files.atomic import replacing
    from vos.video import open_source
    from vos.video.frame_times import frame_at, parse_time
    from vos.video.opening import choose_backend

    if choose_backend(clip) in ("raw", "webcam"):
        raise UsageError(f"{clip}: its frames can be read only once; give a file or a folder of images")
    options: dict[str, Any] = {**reading}
    with open_source(clip, **options) as source:
        seconds = parse_time(frame)
        if seconds is None and not frame.isdecimal():
            raise UsageError(f"{frame}: expected a frame like 40, or a time like 2.5s or 00:01:02.5")
        number = int(frame) if seconds is None else frame_at(source, seconds)
        path = output or Path(f"{Path(clip).stem}_{number:05d}.png")
        if path.exists() and not overwrite:
            raise OutputError(f"{path}: exists already; pass --overwrite to replace it, or choose another --output")
        picture = source.read_at(number)
    if candidates is not None:
        _write_candidates(path, picture.rgb, candidates, overwrite=overwrite, quiet=quiet)
    with replacing(path) as temporary:
        Image.fromarray(picture.rgb).save(temporary, format="PNG")
    if not quiet:
        click.echo(f"see {path} (frame {number}, {picture.time:.3f} s)")


def _write_candidates(path: Path, rgb: np.ndarray, click_at: str, *, overwrite: bool, quiet: bool) -> None:
    import numpy as np
    from PIL import Image

    from vos.files.atomic import replacing
    from vos.prompts import points_from_arguments
    from vos.tracking.candidates import point_candidates

    (points,) = points_from_arguments([click_at])
    points.check(rgb.shape[1], rgb.shape[0])
    found = point_candidates(rgb, *points.positive[0])
    paths = [path.with_name(f"{path.stem}_candidate{number}.png") for number in range(1, len(found) + 1)]
    for mask_path in paths:
        if mask_path.exists() and not overwrite:
            raise OutputError(
                f"{mask_path}: exists already; pass --overwrite to replace it, or choose another --output"
            )
    for number, (mask_path, (mask, score)) in enumerate(zip(paths, found, strict=True), 1):
        with replacing(mask_path) as temporary:
            Image.fromarray(mask.astype(np.uint8) * 255).save(temporary, format="PNG")
        if not quiet:
            click.echo(f"candidate {number}: {int(mask.sum())} pixels, score {score:.2f}, {mask_path}")
