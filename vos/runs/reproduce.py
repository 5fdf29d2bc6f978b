"""A recorded run as a job that can be run again: its video, its model and its script, found and checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seem_model.video_model import VideoModel
from vos.errors import OutputError, VideoError
from vos.prompts import PromptScript
from vos.runs.inputs import fingerprint
from vos.runs.job import TrackJob
from vos.runs.recorded import RecordedRun, recorded_place
from vos.tracking.load_model import load_model
from vos.video.images import list_images


def find_video(run: RecordedRun, moved_to: str | None) -> str:
    """Where the recorded video is, or where it has moved to.

    Raises:
        VideoError: It is gone, has changed, or could be read only once.
    """
    if not run.fingerprint:
        raise VideoError(f"{run.path}: this run read {run.video}, which can be read only once and not be repeated")
    place = recorded_place(run.video, run.path.parent) if moved_to is None else moved_to
    remedy = "give the place of the original with --video"
    if not Path(place).exists():
        raise VideoError(f"{place}: no such file; if the video of {run.path} has moved, {remedy}")
    images = list_images(Path(place), run.source_options.get("images")) if Path(place).is_dir() else ()
    now = fingerprint(place, images)
    for name, unit in (("files", " images"), ("bytes", " bytes")):
        if now.get(name) != run.fingerprint.get(name):
            sizes = f"{now.get(name, 'no')}{unit}, was {run.fingerprint.get(name, 'no')}"
            raise VideoError(f"{place}: not the video of {run.path}: it has {sizes}; {remedy}")
    if now != run.fingerprint:
        raise VideoError(f"{place}: not the video of {run.path}: its SHA-256 differs, so it was changed; {remedy}")
    return place


def load_recorded_model(run: RecordedRun, weights: Path | None, device: str | None) -> VideoModel:
    """The model of a run, with its engine and threads, on its device or another one.

    Raises:
        OutputError: The weights are others than those of the run.
        VosError: As `load_model`.
    """
    engine = run.engine if device is None or device == run.device else "auto"
    model = load_model(
        run.model,
        device=device or run.device,
        weights=weights,
        short_side=run.short_side,
        engine=engine,
        threads=run.threads,
    )
    if model.weights_sha256 != run.weights_sha256:
        which = "the weights of this version" if weights is None else str(weights)
        raise OutputError(
            f"{run.path}: made with weights of SHA-256 {run.weights_sha256[:16]}..., but {which} have "
            f"{model.weights_sha256[:16]}...; give the file with --weights, or install the recorded version"
        )
    return model


def recorded_job(run: RecordedRun, video: str, script: PromptScript, output: Path) -> TrackJob:
    """The job of a run, for another script or another folder.

    Args:
        run: The run.
        video: Where its video is now.
        script: Prompts, removals and names of the new run.
        output: Where the new run goes.
    """
    outputs = run.members["outputs"]
    sheet = outputs.get("contact_sheet")
    frames = run.members["options"].get("frames")
    return TrackJob(
        video=video,
        script=script,
        output=output,
        overlay=outputs.get("overlay", False),
        contact_sheet=None if sheet is None else tuple(sheet),
        formats=tuple(outputs.get("formats", ())),
        source_options=run.source_options,
        frames=None if frames is None else tuple(map(int, frames.split(","))),
    )


@contextmanager
def cpu_threads(run: RecordedRun) -> Iterator[None]:
    """Puts PyTorch's threads back afterwards, which are set for the whole process when the model of a run is loaded."""
    if run.engine != "torch":
        yield
        return
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
