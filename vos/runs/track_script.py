"""One call for a whole video with prompts on any frames: masks and a run record in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seem_model.video_model import VideoModel
from vos.export import find_formats
from vos.prompts import Prompt, PromptScript
from vos.runs.options import Observer, RunOptions
from vos.runs.run import RunOutcome, TrackJob, run_job
from vos.tracking.load_model import load_model


def track_script(
    video: str | Path,
    script: PromptScript | Iterable[Prompt],
    output: str | Path,
    *,
    model: VideoModel | str = "compact",
    overlay: bool = False,
    formats: Iterable[str] = (),
    source_options: Mapping[str, Any] | None = None,
    options: RunOptions | None = None,
    observer: Observer | None = None,
) -> RunOutcome:
    """Tracks the objects of a script, as `vos track VIDEO --script FILE -o OUTPUT` does.

    Args:
        video: A video file or a folder of images.
        script: A script, or bare prompts.
        output: Folder of the run.
        model: A loaded model, or the name of one.
        overlay: Whether to write an overlay video.
        formats: What else to write in addition to the masks: names of `vos.export.FORMATS`, such as `coco`.
        source_options: Keyword arguments of `open_source`.
        options: How: policies, resume, snapshots... With snapshots kept, as by default, `correct_run` is quick.
        observer: Callbacks for every frame, and the way to stop the run.

    Raises:
        VosError: The video, a prompt or the output cannot be used.

    Examples:
        >>> from vos import Box, Observer, Points, PromptScript, RunOptions, track_script
        >>> script = PromptScript((Box(120, 80, 360, 400), Points([[40, 40]], frame=4, object_id=2)))
        >>> seen = []
        >>> observer = Observer(on_frame=lambda done, total: seen.append(done))
        >>> outcome = track_script("clip.mp4", script, "clip_vos", options=RunOptions(resume=True), observer=observer)
        >>> print(outcome.frames, "masks in", outcome.output.masks)
        6 masks in clip_vos/masks
        >>> seen
        [1, 2, 3, 4, 5, 6]
    """
    job = TrackJob(
        video=str(video),
        script=PromptScript.of(script),
        output=Path(output),
        overlay=overlay,
        formats=find_formats(formats) if formats else (),
        source_options=dict(source_options or {}),
    )
    loaded = load_model(model) if isinstance(model, str) else model
    return run_job(job, loaded, options, observer)
