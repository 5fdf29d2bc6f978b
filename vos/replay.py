"""Repeats a recorded run and compares its masks with the recorded ones, frame by frame.

What decides the result is taken from the record; what cannot be taken from it (the bytes of the video and of the
weights, the versions installed here) is compared with it: bytes must be equal, versions may explain a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import torch

from vos.errors import OutputError, VideoError
from vos.output_folder import OutputFolder
from vos.recorded_run import RecordedFrame, RecordedRun, read_recorded_run
from vos.run_inputs import fingerprint, record_differences
from vos.run_record import FINISHED
from vos.tracking_run import TrackJob, run_job
from vos.verify import Difference
from vos.video.images import list_images
from vos.video_model import VideoModel, load_model

# Members of run.json that say what a mask was computed with.
_MADE_WITH = ("decoder", "model", "seed", "versions")


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it.

    Attributes:
        frames: Masks that were compared.
        difference: The first frame that differs; None if all are equal.
        changes: What is not as it was when the run was recorded, one phrase each: why masks may differ.
    """

    frames: int
    difference: Difference | None
    changes: tuple[str, ...]


def replay_run(
    record: Path,
    output: Path,
    *,
    video: str | None = None,
    weights: Path | None = None,
    device: str | None = None,
    overwrite: bool = False,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
) -> Replay:
    """Repeats a run. Only masks are made again, not what is painted from them.

    Args:
        record: The run's run.json, or its folder. Nothing is written there.
        output: Folder for the masks and the record of the replay.
        video: Where the video lies now, if it has moved.
        weights: The weights file, if the run used others than the model's own.
        device: Where to compute, if not on the recorded device.
        overwrite: Whether results of a former run in `output` may be replaced.
        on_frame: As `run_job`.

    Raises:
        VideoError: The video is gone, has changed, or cannot be read.
        OutputError: The record is damaged or holds no mask, the weights differ, or `output` cannot be written.
        VosError: As `run_job`.
    """
    run = read_recorded_run(record)
    if not run.frames:
        raise OutputError(f"{run.path}: no mask of this run is recorded; there is nothing to compare a replay with")
    if output.resolve() == run.path.parent.resolve():
        raise OutputError(f"{output}: is the folder of the recorded run; give another one for the replay")
    folder = OutputFolder(output)
    folder.check(overwrite=overwrite)
    place = _find_video(run, video)
    with _threads(run.threads):
        model = _load_model(run, weights, device)
        job = TrackJob(place, run.prompts, output, overwrite=overwrite, source_options=run.source_options)
        run_job(
            job,
            model,
            policy=run.policy,
            absent_below=run.absence.below,
            on_absent=run.absence.mode,
            stop_after=run.absence.stop_after,
            on_frame=on_frame,
        )
    again = read_recorded_run(folder.record)
    return Replay(
        frames=min(len(run.frames), len(again.frames)),
        difference=_first_difference(run, again),
        changes=tuple(record_differences(_made_with(run), _made_with(again))),
    )


def _find_video(run: RecordedRun, moved_to: str | None) -> str:
    """Where the recorded video is; makes sure that it has not changed."""
    if not run.fingerprint:
        raise VideoError(f"{run.path}: this run read {run.video}, which can be read only once and not be repeated")
    place = run.video if moved_to is None else moved_to
    remedy = "give the place of the original with --video"
    if not Path(place).exists():
        raise VideoError(f"{place}: no such file; if the video of {run.path} has moved, {remedy}")
    images = list_images(Path(place)) if Path(place).is_dir() else ()
    now = fingerprint(place, images)
    for name, unit in (("files", " images"), ("bytes", " bytes")):
        if now.get(name) != run.fingerprint.get(name):
            sizes = f"{now.get(name, 'no')}{unit}, was {run.fingerprint.get(name, 'no')}"
            raise VideoError(f"{place}: not the video of {run.path}: it has {sizes}; {remedy}")
    if now != run.fingerprint:
        raise VideoError(f"{place}: not the video of {run.path}: its SHA-256 differs, so it was changed; {remedy}")
    return place


def _load_model(run: RecordedRun, weights: Path | None, device: str | None) -> VideoModel:
    model = load_model(run.model, device=device or run.device, weights=weights, short_side=run.short_side)
    if model.weights_sha256 != run.weights_sha256:
        which = "the weights of this version" if weights is None else str(weights)
        raise OutputError(
            f"{run.path}: made with weights of SHA-256 {run.weights_sha256[:16]}..., but {which} have "
            f"{model.weights_sha256[:16]}...; give the file with --weights, or install the recorded version"
        )
    return model


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Sums that are split among other numbers of threads round differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _first_difference(run: RecordedRun, again: RecordedRun) -> Difference | None:
    """Frames that a run which was killed or failed did not come to are not compared."""
    was_cut_off = run.members["status"] not in FINISHED
    for index, (before, now) in enumerate(zip_longest(run.frames, again.frames)):
        if before == now:
            continue
        if before is None:
            return (
                None if was_cut_off else Difference(f"the run ended with frame {index - 1}, the replay goes on", index)
            )
        return Difference(_describe(before, now, index), index)
    return None


def _describe(before: RecordedFrame, now: RecordedFrame | None, index: int) -> str:
    if now is None:
        return f"the replay ends with frame {index - 1}, the run has this one too"
    if before.pts != now.pts:
        return f"it is shown at pts {now.pts}, was at {before.pts}"
    return f"its mask has checksum {now.checksum}, was {before.checksum}"


def _made_with(run: RecordedRun) -> dict[str, object]:
    return {name: run.members.get(name) for name in _MADE_WITH}
